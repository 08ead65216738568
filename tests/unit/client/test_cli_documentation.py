"""docs/cli.md says what the program does."""

from __future__ import annotations

import re
import shlex

import cli_reference
import pytest
from typer.main import get_command

from trainyard.cli.app import EPILOG, build
from trainyard.cli.failures import MEANINGS, Exit

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


def test_help_and_page_list_the_same_exit_codes() -> None:
    assert set(MEANINGS) == set(Exit)
    for code in Exit:
        assert f"{code.value} {MEANINGS[code]}" in EPILOG
        assert f"| {code.value} | {MEANINGS[code]} |" in TEXT


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_a_command_with_its_options(example: str) -> None:
    words = shlex.split(example.partition("|")[0].partition(" -- ")[0])[1:]
    command = get_command(build())
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]  # type: ignore[attr-defined]  # a group, as was just seen
    known = {option for p in command.params for option in p.opts}

    assert not getattr(command, "commands", None), f"{example}: {words[0]} is no command"
    assert {w for w in words if w.startswith("-")} <= known
