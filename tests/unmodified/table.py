"""The table of programs and what was seen of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from lifecycle import Row

BEGIN, END = "<!-- make programs -->", "<!-- end of make programs -->"
HEAD = [
    "| Program | As its wheel ships it | Packages | Log | Progress | Evicted | Preempted | Resumed | Files | Registry |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
]


def page(rows: Sequence[Row]) -> str:
    """The table. Pure."""
    return "\n".join([*HEAD, *(_line(row) for row in rows)])


def _line(row: Row) -> str:
    missing = f", {len(row.missing)} missing" if row.missing else ""
    cells = [
        row.name,
        "yes" if row.shipped else "a script",
        ", ".join(f"`{re.split('[=<>~]', p)[0]}`" for p in row.packages) or "those of the runtime",
        f"{row.lines} lines{missing}",
        _progress(row),
        _yes(row.preemptions >= 1 and not row.failures),
        _yes(row.preemptions >= 2 and row.phase == "Succeeded"),
        _yes(len(row.resumed) == 2) if row.resumes else "begins again",
        f"{row.files}" if not row.wrong else f"{row.files}, {len(row.wrong)} wrong",
        f"{row.registered}",
    ]
    return f"| {' | '.join(cells)} |"


def _progress(row: Row) -> str:
    shown = [x for x in ("percent", "time left") if x in row.progress]
    return ", ".join(shown) or ("steps" if row.progress else "none")


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def write_into(file: Path, text: str, marks: tuple[str, str] = (BEGIN, END)) -> None:
    """Replace what stands between the marks. Raises SystemExit without them."""
    begin, last = marks
    before, found, rest = file.read_text().partition(begin)
    _, end, after = rest.partition(last)
    if not (found and end):
        raise SystemExit(f"{file} lacks the lines {begin} and {last}")
    file.write_text(f"{before}{begin}\n{text}\n{last}{after}")
