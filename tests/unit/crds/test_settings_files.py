"""Operator, gateway and bot refuse the same mistake in their settings in the same words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from trainyard_api.settings_file import InvalidSettingsError
from trainyard_bot import settings as bot
from trainyard_gateway import settings as gateway
from trainyard_gateway.errors import SettingsError as GatewaySettingsError
from trainyard_operator import settings as operator
from trainyard_operator.errors import SettingsError as OperatorSettingsError


@dataclass(frozen=True)
class Program:
    """One of the programs, with a setting of each kind that the table below uses."""

    load: Callable[[Path | None], Any]
    error: type[Exception]
    prefix: str
    file: str
    """A file that is accepted."""
    misspelt: tuple[str, str]
    number: tuple[str, str]
    """Name and upper bound or lower bound in words."""
    nested: tuple[str, str, str]
    """An entry with a misspelt name, where it stands, and the right name."""
    required: tuple[str, ...]


PROGRAMS = {
    "operator": Program(
        load=operator.load,
        error=OperatorSettingsError,
        prefix="TRAINYARD_OPERATOR_",
        file=(
            "namespace: a\ngatewayUrl: http://g\ndataClaim: d\ntrainerServiceAccount: t\nsupervisorImage: o\n"
            "runtimes: {default: {image: i}}\n"
        ),
        misspelt=("ageingSecond", "ageingSeconds"),
        number=("healthPort", "less than or equal to 65535"),
        nested=(
            "runtimes: {default: {imge: i}}",
            "runtimes.default.imge",
            "runtimes.default.image",
        ),
        required=(
            "namespace",
            "gatewayUrl",
            "dataClaim",
            "trainerServiceAccount",
            "supervisorImage",
            "runtimes",
        ),
    ),
    "gateway": Program(
        load=lambda file: gateway.load(file, {}),
        error=GatewaySettingsError,
        prefix="TRAINYARD_GATEWAY_",
        file="namespace: a\n",
        misspelt=("ageingSecond", "ageingSeconds"),
        number=("port", "less than or equal to 65535"),
        nested=("", "", ""),
        required=("namespace",),
    ),
    "bot": Program(
        load=lambda file: bot.load(file, {}),
        error=InvalidSettingsError,
        prefix="TRAINYARD_BOT_",
        file="gatewayUrl: http://g\nchats: [1]\n",
        misspelt=("pollSecond", "pollSeconds"),
        number=("startsSoonSeconds", "less than or equal to 86400"),
        nested=("chats: [{id: 1, user: 3}]", "chats.0.user", "chats.0.users"),
        required=("gatewayUrl", "chats"),
    ),
}
every_program = pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS.keys())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "settings.yaml"


def refusal(program: Program, path: Path | None) -> str:
    with pytest.raises(program.error) as caught:
        program.load(path)
    return str(caught.value)


@every_program
def test_an_unknown_setting_is_named_with_the_nearest_one(program: Program, path: Path) -> None:
    wrong, right = program.misspelt
    path.write_text(f"{program.file}{wrong}: 5\n")

    assert refusal(program, path) == f"{path}: unknown setting {wrong}; did you mean {right}?"


@every_program
def test_the_python_name_of_a_setting_is_unknown(program: Program, path: Path) -> None:
    path.write_text(f"{program.file}log_level: info\n")

    said = refusal(program, path)

    assert said == f"{path}: unknown setting log_level; did you mean logLevel?"


@pytest.mark.parametrize("name", ["operator", "bot"])
def test_an_unknown_setting_of_an_entry_is_named_with_its_place(name: str, path: Path) -> None:
    program = PROGRAMS[name]
    line, wrong, right = program.nested
    kept = [x for x in program.file.splitlines() if x.split(":")[0] != line.split(":")[0]]
    path.write_text("\n".join([*kept, line]))

    assert f"unknown setting {wrong}; did you mean {right}?" in refusal(program, path)


@every_program
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(b"a: [", "{path} is not valid YAML: ", id="not YAML"),
        pytest.param(b"- a", "{path} must hold settings as `name: value` lines", id="a list"),
        pytest.param(b"- [a, b]", "{path} must hold settings as `name: value`", id="pairs"),
        pytest.param(b"word", "{path} must hold settings as `name: value`", id="a word"),
        pytest.param(b"a: \xff", "cannot read {path}: it is not UTF-8 text", id="not UTF-8"),
        pytest.param(None, "cannot read {path}: No such file or directory", id="no file"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    program: Program, path: Path, content: bytes | None, sentence: str
) -> None:
    if content is not None:
        path.write_bytes(content)

    assert refusal(program, path).startswith(sentence.format(path=path))


@every_program
def test_a_folder_is_no_settings_file(program: Program, tmp_path: Path) -> None:
    said = refusal(program, tmp_path)

    assert said == f"cannot read {tmp_path}: it is not a regular file"


@every_program
@pytest.mark.parametrize(
    "content", ["", "# nothing yet\n", "---\n"], ids=["empty", "comment", "---"]
)
def test_an_empty_file_leaves_every_required_setting_missing(
    program: Program, path: Path, content: str
) -> None:
    path.write_text(content)

    lines = refusal(program, path).splitlines()

    assert [line.partition(": missing; ")[0] for line in lines] == list(program.required)
    variable = f"{program.prefix}{'NAMESPACE' if lines[0].startswith('name') else 'GATEWAY_URL'}"
    assert lines[0].endswith(f"missing; set it in {path}, or {variable} in the environment")


@every_program
@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param("many", "'many'", id="text"),
        pytest.param("10000000", "10000000", id="too large"),
    ],
)
def test_a_wrong_value_is_shown_with_what_is_accepted(
    program: Program, path: Path, value: str, shown: str
) -> None:
    name, bound = program.number
    path.write_text(f"{program.file}{name}: {value}\n")

    said = refusal(program, path)

    assert said.startswith(f"{name}: Input should be ")
    assert said.endswith(f" (given: {shown})")
    assert (bound in said) == value.isdigit()


@every_program
def test_a_wrong_word_is_shown_with_the_accepted_ones(program: Program, path: Path) -> None:
    path.write_text(f"{program.file}logLevel: loud\n")

    said = refusal(program, path).lower()

    assert said == (
        "loglevel: input should be 'debug', 'info', 'warning' or 'error' (given: 'loud')"
    )


@every_program
def test_every_mistake_is_named_at_once(program: Program, path: Path) -> None:
    wrong, right = program.misspelt
    name, _ = program.number
    path.write_text(f"{program.file}{wrong}: 5\n{name}: many\nxyzzy: 1\n")

    first, second, third = refusal(program, path).splitlines()

    assert first == f"{path}: unknown setting {wrong}; did you mean {right}?"
    assert second.startswith(f"{path}: unknown setting xyzzy; accepted: ")
    assert third.startswith(f"{name}: ")


@every_program
def test_the_environment_wins_over_the_file(
    program: Program, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text(f"{program.file}logLevel: loud\n")
    accepted = "ERROR" if program.prefix == "TRAINYARD_BOT_" else "error"
    monkeypatch.setenv(f"{program.prefix}LOG_LEVEL", accepted)

    assert program.load(path).log_level == accepted


def test_an_environment_variable_that_is_not_json_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text(PROGRAMS["operator"].file)
    monkeypatch.setenv("TRAINYARD_OPERATOR_RUNTIMES", "{")

    said = refusal(PROGRAMS["operator"], path)

    assert said.startswith("environment: ")
    assert '"runtimes"' in said


def test_a_secret_is_not_shown(path: Path) -> None:
    path.write_text("namespace: a\napiKey: 12345678\n")

    said = refusal(PROGRAMS["gateway"], path)

    assert said.startswith("apiKey: ")
    assert "12345678" not in said


def test_a_key_among_the_arguments_wins_over_a_file_that_the_settings_name(path: Path) -> None:
    path.write_text("namespace: a\napiKeyFile: /nowhere\n")

    found = gateway.load(path, {"api_key": "k" * 20})

    assert found.admin_key() == "k" * 20
