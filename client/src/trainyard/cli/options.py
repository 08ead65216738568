"""Arguments and options that several commands share, and the values that they accept."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from trainyard.cli.errors import UsageProblem

SessionArgument = Annotated[str, typer.Argument(metavar="SESSION", help="Name or UID.")]
SessionsArgument = Annotated[list[str], typer.Argument(metavar="SESSION...")]


def checked_priority(value: str) -> int:
    """A priority; it is text because it may begin with a dash. Raises UsageProblem."""
    from trainyard_api.session.spec import PRIORITY_MAX, PRIORITY_MIN

    try:
        number = int(value)
    except ValueError:
        number = PRIORITY_MAX + 1
    if not PRIORITY_MIN <= number <= PRIORITY_MAX:
        raise UsageProblem(
            f"priority is {value!r}; it must be a whole number from {PRIORITY_MIN} to "
            f"{PRIORITY_MAX}; higher goes first"
        )
    return number


def read_manifest(file: str) -> str:
    """A manifest's text; `-` is standard input. Raises UsageProblem for a file that is not text."""
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text()
    except UnicodeDecodeError as error:
        raise UsageProblem(f"{file} is not text; it must be a YAML manifest") from error
