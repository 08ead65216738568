"""The reference part of docs/cli.md, generated from the commands.

`python tests/support/cli_reference.py` writes it again.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainyard.cli.app import Application, build
from trainyard.cli.errors import MEANINGS, Exit

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"
COLUMNS = 100
BEGIN, END = "<!-- reference: generated -->", "<!-- end of reference -->"


def reference() -> str:
    """Exit codes, then every command with its arguments and options."""
    lines = ["| code | means |", "| --- | --- |"]
    lines += [f"| {code.value} | {MEANINGS[code]} |" for code in Exit]
    for path, command in _commands("trainyard", build()):
        lines += ["", f"### `{path}`", "", *_about(command)]
    return "\n".join(lines)


def page(text: str) -> str:
    """`text` with the reference in its place."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{reference()}\n{END}{after}"


def _commands(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    found = command.load_all() if isinstance(command, Application) else command.commands
    for name, below in sorted(found.items()):
        if getattr(below, "commands", None):
            yield from _commands(f"{path} {name}", below)
        else:
            yield f"{path} {name}", below


def _about(command: Any) -> list[str]:
    said = [p.strip() for p in (command.help or "").split("\n\n")]
    out = [f"`{p}`\n" if p.startswith("trainyard ") else f"{_wrapped(p)}\n" for p in said]
    rows = [row for p in command.params if (row := _parameter(p)) is not None]
    if rows:
        out += ["| argument or option | |", "| --- | --- |", *rows]
    return "\n".join(out).rstrip().splitlines()


def _parameter(parameter: Any) -> str | None:
    if "--help" in parameter.opts:
        return None
    if parameter.param_type_name == "argument":
        name = parameter.metavar or parameter.name.upper()
    else:
        name = ", ".join(sorted(parameter.opts, key=len, reverse=True))
    return f"| `{name}` | {_joined(parameter.help or '')} |"


def _wrapped(text: str) -> str:
    return textwrap.fill(_joined(text), COLUMNS, break_long_words=False, break_on_hyphens=False)


def _joined(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
