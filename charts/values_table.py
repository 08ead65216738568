"""Writes the table of values into the chart's README, from the comments in values.yaml.

`python charts/values_table.py [--check]`: with --check nothing is written and the exit code says whether the table is up to date.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parent / "trainyard"
BEGIN = "<!-- values: generated from values.yaml by `make manifests` -->"
END = "<!-- end of values -->"
MARK = "# -- "


def rows(text: str) -> Iterator[tuple[str, Any, str]]:
    """Path, default and meaning of every value that a `# --` comment explains."""
    defaults = yaml.safe_load(text)
    path: list[tuple[int, str]] = []
    meaning = ""
    for line in text.splitlines():
        words = line.strip()
        if words.startswith(MARK):
            meaning = words.removeprefix(MARK)
        elif words and not words.startswith(("#", "-")):
            depth = len(line) - len(line.lstrip())
            path = [*(p for p in path if p[0] < depth), (depth, words.split(":", 1)[0])]
            if meaning:
                value = defaults
                for _, name in path:
                    value = value[name]
                yield ".".join(name for _, name in path), value, meaning
            meaning = ""


def table(text: str) -> str:
    """The table in Markdown."""
    lines = ["| Value | Default | Meaning |", "| --- | --- | --- |"]
    for name, default, meaning in rows(text):
        shown = json.dumps(default).replace("|", "\\|")
        lines.append(f"| `{name}` | `{shown}` | {meaning.replace('|', chr(92) + '|')} |")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Write or check; the exit code."""
    readme = CHART / "README.md"
    text = readme.read_text()
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        sys.stderr.write(f"{readme} lacks the lines {BEGIN} and {END}\n")
        return 2
    wanted = f"{before}{BEGIN}\n{table((CHART / 'values.yaml').read_text())}\n{END}{after}"
    if "--check" not in arguments:
        readme.write_text(wanted)
    elif text != wanted:
        sys.stderr.write(f"{readme} differs from values.yaml; run `make manifests`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
