"""What goes to standard output, in the form that was asked for; remarks go to standard error."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trainyard.cli.text import formats
from trainyard.cli.text.table import plain
from trainyard_api.visible_text import visible, visible_json

if TYPE_CHECKING:
    from trainyard.cli.text.table import Table


class Format(StrEnum):
    """Forms of output of `-o`: a table for people, JSON or YAML for programs."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"


FormatOption = Annotated[
    Format, typer.Option("--output", "-o", help="Form of the answer.", show_default=True)
]
_NOT_FILES = "Form of the answer; --artifact names what the program leaves."
SessionFormatOption = Annotated[
    Format, typer.Option("--output", "-o", help=_NOT_FILES, show_default=True)
]
"""The same where a session is described, whose outputs are another thing."""


def to_terminal() -> bool:
    """Whether a person reads standard output."""
    from rich.console import Console

    return Console().is_terminal


def for_programs(form: Format, data: Any) -> bool:
    """Print `data` if a form for programs was asked for; whether it was."""
    if form is Format.JSON:
        line(as_json(data, indent=2))
    elif form is Format.YAML:
        import yaml

        shown = yaml.safe_dump(data, sort_keys=False, allow_unicode=True).rstrip("\n")
        if not all(visible(one) == one for one in shown.split("\n")):
            shown = yaml.safe_dump(data, sort_keys=False).rstrip("\n")
        line(shown)
    return form in (Format.JSON, Format.YAML)


def as_json(data: Any, indent: int | None = None) -> str:
    """`data` as JSON: readable, but without characters that a terminal obeys."""
    return visible_json(json.dumps(data, indent=indent, ensure_ascii=False))


def show(form: Format, data: Any, table: Table) -> None:
    """Print an answer: `data` for programs, `table` for people."""
    if not for_programs(form, data):
        print_table(table)


def print_table(table: Table) -> None:
    """Print a table: coloured for people, plain for files and pipes."""
    if to_terminal():
        from rich.console import Console

        from trainyard.cli.text.rich_table import coloured

        console = Console(highlight=False)
        console.print(coloured(table, console.width))
    else:
        line(plain(table))


def line(text: str) -> None:
    """A line as it is: no markup, no wrapping."""
    typer.echo(text)


def remark_more(cursor: str | None, shown: int) -> None:
    """Say that there are more rows than those that are shown, where there are."""
    if cursor is not None:
        remark(f"there are more than these {shown}; the gateway's REST API lists the rest", "dim")


def remark(text: str, style: str = "") -> None:
    """A sentence beside the answer, on standard error."""
    from rich.console import Console

    Console(stderr=True, highlight=False).print(
        formats.clean(text), style=style, markup=False, soft_wrap=True
    )


def done(text: str) -> None:
    """What was done, on standard output: `sessions digits-1 stopped`."""
    from rich.console import Console

    Console(highlight=False).print(formats.clean(text), markup=False, soft_wrap=True)
