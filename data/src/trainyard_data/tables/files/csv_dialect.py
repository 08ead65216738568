"""How a CSV file is written: separator, quotes, lines before the header, and whether it has one."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass

from trainyard_data.tables.values.forms import Kind, form_of

DELIMITERS = (",", "\t", ";", "|")
SAMPLE_ROWS = 200
MOST_SKIPPED = 20
"""Most lines before the header."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The rows of a sample, as one separator gives them."""

    delimiter: str
    quote: str
    skip_lines: int
    rows: list[list[str]]
    """The header first."""


def layout(text: str, delimiter: str | None = None, names: frozenset[str] = frozenset()) -> Layout:
    """The best reading of the beginning of a file. `names`: columns that are expected."""
    skip, given = _before(text)
    rest = _after(text, skip)
    wanted = delimiter or given
    candidates = (wanted,) if wanted else DELIMITERS
    quote = _quote(rest)
    found = [Layout(d, quote, skip, rows(rest, d, quote)) for d in candidates]
    return max(found, key=lambda item: _score(item, names))


def _before(text: str) -> tuple[int, str | None]:
    """Lines before the header, and the separator that a line `sep=;` names."""
    given, skip = None, 0
    lines = text.split("\n")[: MOST_SKIPPED + 1]
    for line in lines[:MOST_SKIPPED]:
        bare = line.strip().strip('"')
        if skip == 0 and bare.lower().startswith("sep=") and len(bare) == 5:
            given = bare[4]
        elif skip == 0 and bare.lower() == "sep=":
            given = "\t"
        elif bare and not bare.startswith("#"):
            break
        skip += 1
    if skip and lines[skip - 1].startswith("#") and _is_header(lines[skip - 1], lines[skip]):
        skip -= 1
    return skip, given


def _is_header(comment: str, row: str) -> bool:
    """Whether a line that begins with # names the columns, as NumPy writes them."""
    widths = {d: (comment.count(d), row.count(d)) for d in DELIMITERS}
    return any(mine == other > 0 for mine, other in widths.values())


def _after(text: str, skip: int) -> str:
    for _ in range(skip):
        text = text.partition("\n")[2]
    return text


def _quote(text: str) -> str:
    """`'` if most fields of the first lines are within such quotes."""
    line = text.partition("\n")[0]
    return "'" if line.startswith("'") and line.rstrip().endswith("'") and '"' not in line else '"'


def rows(text: str, delimiter: str, quote: str = '"', limit: int = SAMPLE_ROWS) -> list[list[str]]:
    """The first rows of a text."""
    found: list[list[str]] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote)
    try:
        for row in reader:
            if row:
                found.append(row)
            if len(found) >= limit:
                break
    except csv.Error:
        pass
    return found


def _score(item: Layout, names: frozenset[str]) -> tuple[float, ...]:
    """A good separator gives each row as many fields, and fields that are values."""
    if not item.rows:
        return (0.0,)
    header = {name.strip() for name in item.rows[0]}
    widths = Counter(len(row) for row in item.rows)
    width, count = max(widths.items(), key=lambda pair: (pair[1], pair[0]))
    if width < 2:
        return (len(names & header), 0.0)
    even = count / len(item.rows)
    cells = [cell.strip() for row in item.rows[1:50] for cell in row[:50]]
    plain = sum(not cell or form_of(cell).kind is not Kind.TEXT for cell in cells)
    # A header that has as many names as rows have values is the best sign of all.
    fits = len(item.rows[0]) in (width, width - 1)
    share = plain / len(cells) if cells else 0.0
    good = even * (1.0 if fits else 0.3) * (0.5 + share / 2)
    return (len(names & header), good * (2.0 if even == 1.0 and _by_tabs(item) else 1.0), width)


def _by_tabs(item: Layout) -> bool:
    """Whether tabs separate: texts hold commas, but hardly a tab each, and the header one, too."""
    if item.delimiter != "\t" or len(item.rows[0]) != len(item.rows[-1]):
        return False
    return not any(cell.rstrip().endswith(DELIMITERS) for cell in item.rows[0])
