"""`kubectl_complete-trainyard`: kubectl calls it to complete `kubectl trainyard …` (KEP-2379).

Its arguments are the words after `kubectl trainyard`, the last one unfinished; it prints one proposal per line and a
last line `:4`, cobra's directive "propose no file names".
"""

from __future__ import annotations

import sys

from typer.main import get_command

from trainyard.cli import output
from trainyard.cli.app import build


def proposals(words: list[str]) -> list[str]:
    """What may stand for the last of `words`."""
    *before, unfinished = words or [""]
    command = get_command(build())
    for word in before:
        found = getattr(command, "commands", {}).get(word)
        if found is None:
            break
        command = found
    names = list(getattr(command, "commands", {}))
    options = [o for p in command.params for o in p.opts if o.startswith("--")]
    return [
        n for n in (options if unfinished.startswith("-") else names) if n.startswith(unfinished)
    ]


def main() -> None:
    """Answer kubectl."""
    for proposal in proposals(sys.argv[1:]):
        output.line(proposal)
    output.line(":4")
