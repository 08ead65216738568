"""Reads on in a file that may be a table, and says what of it is left out."""

from __future__ import annotations

import os
from typing import NamedTuple

from trainyard_supervisor.event_files.finding import TABLES
from trainyard_supervisor.event_files.followed import Place, with_head, with_tail
from trainyard_supervisor.event_files.summaries import Event
from trainyard_supervisor.event_files.tables import (
    MOST_LINE,
    Header,
    Rows,
    epochs_done,
    header_of,
    read_rows,
)


class TableReading(NamedTuple):
    """What is new in a table."""

    events: list[Event]
    after: Place
    """How far it is read with them."""
    taken: int
    """Bytes that were looked at."""
    epochs: int | None
    """How many epochs are over, where its rows tell."""
    left_out: list[str]
    """What is left out, each as a sentence."""


def read_table(path: str, handle: int, place: Place, most: int, *, last: bool) -> TableReading:
    """Read on from `place`, about `most` bytes. Raises OSError.

    `last`: no program writes any more, so that a line which is not whole will not be.
    """

    def read(at: int, count: int) -> bytes:
        return os.pread(handle, count, at)

    known = path.rpartition("/")[2].lower() in TABLES
    size = os.fstat(handle).st_size
    header = header_of(read(place.header, MOST_LINE), known=known, at=place.header)
    if header is None:
        return TableReading([], place, 0, None, [])
    found = read_rows(read, header, place.position, size, most, known=known)
    left_out = []
    if found.wrong:
        left_out.append(f"lines of {path} are left out: the first of them {found.wrong}")
    if found.comma:
        left_out.append(f"{path}: {found.comma} is left out; write numbers with a point")
    if last and found.taken == 0 and found.end < size:
        left_out.append(f"the last line of {path} is not whole and is left out")
    after = _after(handle, place, header, found)
    return TableReading(found.events, after, found.taken, epochs_done(read, found), left_out)


def _after(handle: int, place: Place, header: Header, found: Rows) -> Place:
    """The place after these rows; the file is known again by its first line and the last ones."""
    first_line = header.end if header.at == 0 else place.head_bytes
    after = with_head(handle, place, found.end, first_line)
    return with_tail(handle, after)._replace(header=found.header.at)
