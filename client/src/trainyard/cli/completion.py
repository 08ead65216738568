"""`kubectl_complete-trainyard`: kubectl calls it to complete `kubectl trainyard …` (KEP-2379).

Its arguments are the words after `kubectl trainyard`, the last one unfinished. It prints one
proposal a line, and at last `:4`, cobra's directive "propose no file names".
"""

from __future__ import annotations

import sys
from typing import Any

from trainyard.cli import output
from trainyard.cli.app import build
from trainyard.cli.command_table import LazyCommand


def proposals(words: list[str]) -> list[str]:
    """The completions of the last of `words`."""
    *before, unfinished = words or [""]
    command: Any = build()
    for word in before:
        found = getattr(command, "commands", {}).get(word)
        if found is None:
            break
        command = found.load() if isinstance(found, LazyCommand) else found
    names = list(getattr(command, "commands", {}))
    options = [o for p in command.params for o in p.opts if o.startswith("--")]
    return [
        n for n in (options if unfinished.startswith("-") else names) if n.startswith(unfinished)
    ]


def main() -> None:
    """Print the proposals for kubectl."""
    for proposal in proposals(sys.argv[1:]):
        output.line(proposal)
    output.line(":4")
