"""docs/cli.md says what the program does."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import cli_reference
import pytest

from trainyard.cli.app import EPILOG, build
from trainyard.cli.errors import MEANINGS, Exit

TEXT = cli_reference.PAGE.read_text()
EXAMPLES = sorted(
    {
        line.partition("#")[0].strip()
        for block in re.findall(r"```\n(.*?)```", TEXT, flags=re.DOTALL)
        for line in block.splitlines()
        if line.startswith("trainyard ")
    }
)


def test_the_reference_is_that_of_the_program() -> None:
    assert cli_reference.page(TEXT) == TEXT, "write it again: python tests/support/cli_reference.py"


def python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)  # fmt: skip


def test_training_code_loads_nothing_of_the_command_line() -> None:
    # rich is not asked for: httpx looks for it by itself where it is installed.
    loaded = python(
        "import sys, trainyard; trainyard.Client; trainyard.log;"
        "print(sorted({'typer', 'plotille', 'matplotlib'} & set(sys.modules)))"
    )

    assert loaded.stdout == "[]\n", loaded.stderr


def test_the_trainers_image_has_nothing_of_the_command_line() -> None:
    pins = (cli_reference.PAGE.parents[1] / "requirements" / "trainer-image.lock").read_text()

    assert re.findall(r"^(typer|rich|plotille)\b", pins, flags=re.MULTILINE) == []


def test_without_its_libraries_it_says_how_to_get_them() -> None:
    said = python(
        "import sys; sys.modules['typer'] = None; from trainyard.cli.__main__ import main; main()"
    )

    assert said.stderr == "the command line is not installed: pip install 'trainyard[cli]'\n"
    assert said.returncode == 1


def test_help_and_page_list_the_same_exit_codes() -> None:
    assert set(MEANINGS) == set(Exit)
    for code in Exit:
        assert f"{code.value} {MEANINGS[code]}" in EPILOG
        assert f"| {code.value} | {MEANINGS[code]} |" in TEXT


def test_every_command_is_tried_against_a_real_gateway() -> None:
    tests = cli_reference.PAGE.parents[1] / "tests" / "integration" / "client"
    files = (
        "test_every_command.py",
        "test_import_of_mlflow.py",
        "test_notices_command.py",
        "test_tensorboard_command.py",
    )
    tried = "".join((tests / file).read_text() for file in files)
    commands = [
        f'"{name}", "{sub}"' if sub else f'"{name}"'
        for name, found in build().load_all().items()
        for sub in getattr(found, "commands", ("",))
    ]

    assert len(commands) > 25
    assert [c for c in commands if not re.search(rf"\((?:lab, )?{c}[,)]", tried)] == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text[:60])
def test_every_example_is_a_command_with_its_options(example: str) -> None:
    words = shlex.split(example.partition("|")[0].partition(" -- ")[0])[1:]
    command = build().load_all()[words.pop(0)]
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    known = {option for p in command.params for option in p.opts}

    assert not getattr(command, "commands", None), f"{example}: {words[0]} is no command"
    assert {w for w in words if w.startswith("-")} <= known
