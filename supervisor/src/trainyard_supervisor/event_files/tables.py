"""Tables of metrics that programs write as CSV files, and the events that their rows are. Pure.

Lightning's `CSVLogger`, Keras' `CSVLogger`, ultralytics, timm, fastai and stable-baselines3 write
them: a line of names, and a line of numbers for each step or epoch. fastai writes another line of
names in the midst of a file when it is trained once more.

Guarantees: no content of a file raises an error; a line that is not whole is not read.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from trainyard_supervisor.event_files.summaries import Event

STEPS = (
    *("step", "global_step", "time/total_timesteps", "total_timesteps", "timesteps_total"),
    *("iter", "iteration", "training_iteration", "epoch"),
)
"""Names of the column that is the step; the first of these that a table has, in any case."""
MOST_LINE = 64 << 10
"""Bytes of a line."""
MOST_COLUMNS = 1000
_DELIMITERS = (",", ";", "\t")
_MOST_DIGITS = 64
_MOST_SKIPPED = 16 << 20
"""Bytes of a line that is passed over."""
_WITH_COMMA = re.compile(r"\s*[-+]?[0-9]{1,30}(,[0-9]{1,30})+([eE][-+]?[0-9]{1,3})?\s*")


class Header(NamedTuple):
    """The line of names for the rows after it."""

    columns: list[str]
    step: int
    """Which column is the step."""
    delimiter: str
    at: int
    """Where the line begins in its file."""
    end: int
    """Where it ends."""

    @property
    def counts_epochs(self) -> bool:
        """Whether its step is the epoch."""
        return _as_step(self.columns[self.step]) == "epoch"


class Rows(NamedTuple):
    """What was read of a table."""

    events: list[Event]
    end: int
    """Where to read next."""
    taken: int
    """Bytes that were read."""
    header: Header
    """The names of the rows at `end`."""
    wrong: str | None = None
    """What the first line is that is no row of the table."""
    comma: str | None = None
    """Which column has which number with a comma; the first one."""


def header_of(start: bytes, *, known: bool, at: int = 0) -> Header | None:
    """The header with which `start` begins, at `at` of its file; None if there is none.

    `known`: programs write a table under this name. Any other file is one only if its first column
    is the step: data has columns of that name, too.
    """
    line, newline, _ = start[:MOST_LINE].partition(b"\n")
    return _header(line, at, at + len(line) + 1, known=known) if newline else None


def read_rows(
    read: Callable[[int, int], bytes],
    header: Header,
    start: int,
    size: int,
    most: int,
    *,
    known: bool = True,
) -> Rows:
    """The rows from `start` on, of about `most` bytes; `size` is that of the file.

    `read(at, count)` gives bytes of the file, fewer at its end. `header` is the one that counts at
    `start`; `known` as of `header_of`.
    """
    at = max(start, header.end)
    content = read(at, min(most + MOST_LINE, size - at)) if size > at else b""
    whole = content.rfind(b"\n") + 1
    if not whole and len(content) > MOST_LINE:
        end = _end_of_line(read, at + len(content), size)
        if end is None:
            return Rows([], at, 0, header)
        return Rows([], end, end - at, header, f"is longer than {MOST_LINE:,} bytes")
    events: list[Event] = []
    wrong = comma = None
    end = at
    for line in content[:whole].splitlines(keepends=True):
        begin, end = end, end + len(line)
        row = _row(line, header)
        if isinstance(row, Event):
            events.append(row)
            comma = comma or _number_with_comma(line, header)
        elif line.strip():
            other = _header(line, begin, end, known=known)
            wrong = wrong or (row if other is None else None)
            if other is not None and other.columns != header.columns:
                header = other
    return Rows(events, at + whole, whole, header, wrong, comma)


def epochs_done(read: Callable[[int, int], bytes], found: Rows) -> int | None:
    """How many epochs are over with the last of these rows; None if they do not tell.

    Such a row is written at the end of its epoch. A table whose first row is epoch 0 counts from 0.
    """
    if not found.events or not found.header.counts_epochs:
        return None
    line, newline, _ = read(found.header.end, MOST_LINE).partition(b"\n")
    first = _row(line, found.header) if newline else None
    return found.events[-1].step + (isinstance(first, Event) and first.step == 0)


def _header(line: bytes, at: int, end: int, *, known: bool) -> Header | None:
    """A line as a header; None if it is none."""
    text = line.decode("utf-8-sig", "replace").rstrip("\r\n")
    for delimiter in _DELIMITERS:
        columns = [cell.strip() for cell in _cells(text, delimiter) or ()]
        step = _step_of(columns, known=known)
        if step is not None:
            return Header(columns, step, delimiter, at, end)
    return None


def _step_of(columns: Sequence[str], *, known: bool) -> int | None:
    """Which of these columns is the step; None if they are those of no table."""
    if not 2 <= len(columns) <= MOST_COLUMNS or len(set(columns)) < len(columns):
        return None
    # pandas writes the number of a row in a first column without a name.
    index = columns[0] == ""
    if not all(columns[index:]) or any(_number(name) is not None for name in columns[index:]):
        return None
    names = [_as_step(name) for name in columns]
    if not known and names[index] not in STEPS:
        return None
    return next((names.index(name) for name in STEPS if name in names), None)


def _as_step(name: str) -> str:
    return name.lower().replace(" ", "_")


def _end_of_line(read: Callable[[int, int], bytes], at: int, size: int) -> int | None:
    """Where a line ends that is too long for a row; None if that is not near."""
    for start in range(at, min(size, at + _MOST_SKIPPED), MOST_LINE):
        newline = read(start, MOST_LINE).find(b"\n")
        if newline >= 0:
            return start + newline + 1
    return None


def _row(line: bytes, header: Header) -> Event | str:
    """A line as a row, or what it is instead."""
    cells = _cells(line.decode("utf-8", "replace"), header.delimiter)
    if cells is None:
        return "has a quotation mark without its other one"
    if len(cells) != len(header.columns):
        return f"has {len(cells)} cells for {len(header.columns)} columns"
    step = _number(cells[header.step])
    if step is None or not step.is_integer():
        return f"has no whole number in its column {header.columns[header.step]!r}"
    values = [
        (name, value)
        for place, name in enumerate(header.columns)
        if name and place != header.step and (value := _number(cells[place])) is not None
    ]
    return Event(0.0, int(step), values)


def _number_with_comma(line: bytes, header: Header) -> str | None:
    """Which cell of a row is a number with a decimal comma."""
    if header.delimiter == "," and b'"' not in line:
        return None
    cells = _cells(line.decode("utf-8", "replace"), header.delimiter) or ()
    for name, cell in zip(header.columns, cells):
        if name and _WITH_COMMA.fullmatch(cell):
            return f"{cell.strip()!r} in column {name!r}"
    return None


def _cells(text: str, delimiter: str) -> Sequence[str] | None:
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True), None)
    except csv.Error:
        return None


def _number(cell: str) -> float | None:
    if len(cell) > _MOST_DIGITS or "_" in cell:
        return None
    try:
        return float(cell)
    except ValueError:
        return None
