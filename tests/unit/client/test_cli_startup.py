"""`--help`, `--version` and completion import only what they show."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from trainyard.cli.app import build
from trainyard.cli.command_table import ENTRIES, LazyCommand

HEAVY = {
    "asyncio", "httpx", "httpcore", "ssl", "pydantic", "pydantic_core", "yaml", "plotille", "matplotlib",
    "trainyard.client", "trainyard.models", "trainyard_api.session", "trainyard_api.training",
}  # fmt: skip
RICH = {"rich"}
# typer itself converts the values of options by pydantic.
OF_TYPER = {"pydantic", "pydantic_core"}
PROGRAM = """\
import json, sys
sys.argv = ["trainyard", *sys.argv[1:]]
from trainyard.cli.__main__ import main
try:
    main()
except SystemExit as end:
    code = end.code or 0
sys.stderr.write("\\n" + json.dumps([code, sorted(sys.modules)]))
"""


def loaded(arguments: list[str], environment: dict[str, str] | None = None) -> tuple[str, set[str]]:
    """What the program prints, and the modules that it has imported at its end."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **(environment or {})},
    )
    import json

    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, done.stderr
    return done.stdout, set(modules)


@pytest.mark.parametrize(
    ("arguments", "environment", "shown", "unwanted"),
    [
        pytest.param(["--help"], {}, "Submit, watch and steer", HEAVY | RICH, id="help"),
        pytest.param(["--version"], {}, ".", HEAVY | RICH, id="version"),
        pytest.param(
            [],
            {
                "_TRAINYARD_COMPLETE": "complete_bash",
                "COMP_WORDS": "trainyard s",
                "COMP_CWORD": "1",
            },
            "submit",
            HEAVY - OF_TYPER | RICH,
            id="completion of a command",
        ),
        pytest.param(
            [],
            {
                "_TRAINYARD_COMPLETE": "complete_bash",
                "COMP_WORDS": "trainyard ls --h",
                "COMP_CWORD": "2",
            },
            "--history",
            HEAVY - OF_TYPER | RICH,
            id="completion of an option",
        ),
    ],
)
def test_what_talks_to_the_gateway_is_not_imported(
    arguments: list[str], environment: dict[str, str], shown: str, unwanted: set[str]
) -> None:
    out, modules = loaded(arguments, environment)

    assert shown in out
    assert modules & unwanted == set()
    assert [m for m in modules if m.startswith("trainyard.cli.commands.")] == (
        ["trainyard.cli.commands.sessions"] if shown == "--history" else []
    )


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_the_table_says_what_the_command_says(entry: object) -> None:
    command = LazyCommand(entry)  # type: ignore[arg-type]  # pytest hands objects over

    found = command.load()

    assert found.name == command.name
    assert (found.help or "").split("\n\n")[0].replace("\n", " ") == command.help


def test_without_arguments_it_prints_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        build()(args=[], prog_name="trainyard")

    assert end.value.code == 2
    assert "Submit, watch and steer" in capsys.readouterr().out


def test_a_misspelt_command_is_answered_with_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as end:
        build()(args=["sumbit"], prog_name="trainyard")

    assert end.value.code == 2
    assert "Did you mean 'submit'" in capsys.readouterr().err
