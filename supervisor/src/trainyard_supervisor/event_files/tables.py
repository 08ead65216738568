"""Tables of metrics that programs write as CSV files, and the events that their rows are. Pure.

Lightning's `CSVLogger`, Keras' `CSVLogger`, ultralytics, timm, fastai and stable-baselines3 write
them: a line of names, and a line of numbers for each step or epoch.

Guarantees: no content of a file raises an error; a line that is not whole is not read.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from typing import NamedTuple

from trainyard_supervisor.event_files.summaries import Event

STEPS = (
    *("step", "global_step", "time/total_timesteps", "total_timesteps", "timesteps_total"),
    *("iter", "iteration", "training_iteration", "epoch"),
)
"""Names of the column that is the step; the first of these that a table has."""
MOST_LINE = 64 << 10
"""Bytes of a line."""
MOST_COLUMNS = 1000
_DELIMITERS = (",", ";", "\t")
_MOST_DIGITS = 64
_MOST_SKIPPED = 16 << 20
"""Bytes of a line that is passed over."""


class Header(NamedTuple):
    """The first line of a table."""

    columns: list[str]
    step: int
    """Which column is the step."""
    delimiter: str
    size: int
    """Bytes of the line with its end."""


class Rows(NamedTuple):
    """What was read of a table."""

    events: list[Event]
    end: int
    """Where to read next."""
    taken: int
    """Bytes that were read."""
    damaged: int
    """Lines that are no rows of the table."""


def header_of(start: bytes, *, known: bool) -> Header | None:
    """The header in the first bytes of a file; None if it is no table of metrics.

    `known`: programs write a table under this name. Any other file is one only if its first column
    is the step: data has columns of that name, too.
    """
    line, newline, _ = start[:MOST_LINE].partition(b"\n")
    if not newline:
        return None
    text = line.decode("utf-8-sig", "replace").rstrip("\r")
    delimiter = max(_DELIMITERS, key=text.count)
    columns = [cell.strip() for cell in _cells(text, delimiter) or ()]
    steps = [name for name in STEPS if name in columns]
    if not steps or not 2 <= len(columns) <= MOST_COLUMNS or len(set(columns)) < len(columns):
        return None
    if not all(columns) or any(_number(name) is not None for name in columns):
        return None
    if not known and columns[0] not in STEPS:
        return None
    return Header(columns, columns.index(steps[0]), delimiter, len(line) + 1)


def read_rows(
    read: Callable[[int, int], bytes], header: Header, start: int, size: int, most: int
) -> Rows:
    """The rows from `start` on, of about `most` bytes; `size` is that of the file.

    `read(at, count)` gives bytes of the file, fewer at its end.
    """
    at = max(start, header.size)
    content = read(at, min(most + MOST_LINE, size - at)) if size > at else b""
    whole = content.rfind(b"\n") + 1
    if not whole and len(content) > MOST_LINE:
        end = _end_of_line(read, at + len(content), size)
        return Rows([], at, 0, 0) if end is None else Rows([], end, end - at, 1)
    events, damaged = [], 0
    for line in content[:whole].splitlines():
        event = _event(line, header)
        if event is not None:
            events.append(event)
        elif line.strip() and not _is_header(line, header):
            damaged += 1
    return Rows(events, at + whole, whole, damaged)


def _end_of_line(read: Callable[[int, int], bytes], at: int, size: int) -> int | None:
    """Where a line ends that is too long for a row; None if that is not near."""
    for start in range(at, min(size, at + _MOST_SKIPPED), MOST_LINE):
        newline = read(start, MOST_LINE).find(b"\n")
        if newline >= 0:
            return start + newline + 1
    return None


def _event(line: bytes, header: Header) -> Event | None:
    cells = _cells(line.decode("utf-8", "replace"), header.delimiter)
    if cells is None or len(cells) != len(header.columns):
        return None
    step = _number(cells[header.step])
    if step is None or not step.is_integer():
        return None
    values = [
        (name, value)
        for place, name in enumerate(header.columns)
        if place != header.step and (value := _number(cells[place])) is not None
    ]
    return Event(0.0, int(step), values)


def _is_header(line: bytes, header: Header) -> bool:
    """Whether it is the header once more: another process, or another attempt, has begun."""
    cells = _cells(line.decode("utf-8-sig", "replace"), header.delimiter)
    return cells is not None and [cell.strip() for cell in cells] == header.columns


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
