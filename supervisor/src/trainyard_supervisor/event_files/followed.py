"""What is remembered of event files, over attempts: how far each was read, and the names.

A batch of values and the places up to which it was read belong together: before the batch is in the
spool, its number and the places are written here. If the number is found in the spool later, the
places count; otherwise the batch was never made, and its values are read again.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Container, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from trainyard_supervisor.event_files.finding import Found, is_table
from trainyard_supervisor.event_files.naming import Owner

FILE = ".trainyard/event-files.json"
"""Below the run folder."""
HEAD_BYTES = 64
"""By these a file is known again."""
TAIL_BYTES = 64
"""By these before its place a table is known again, too: other runs write the same header."""
MOST_BYTES = 4 << 20
LastSequence = Callable[[int], int]
"""The highest number of a batch that an attempt has made, 0 for none."""


class Place(NamedTuple):
    """How far an event file was read."""

    position: int = 0
    head: int = 0
    """Checksum of its first bytes, as many as `head_bytes`: another one is of another file."""
    head_bytes: int = 0
    inode: int = 0
    attempt: int = 0
    """The attempt that wrote it; 0 if no later one has begun and nothing was read."""
    tail: int = 0
    """Checksum of the bytes before the place in a table; 0 if it is not known."""
    header: int = 0
    """Where the line begins that has the names of the columns at the place, in a table."""


class Followed:
    """The places of all files, and the names."""

    def __init__(
        self,
        places: dict[str, Place] | None = None,
        owners: dict[str, Owner] | None = None,
        table_owners: dict[str, Owner] | None = None,
    ) -> None:
        """`places` by path, relative to the run folder; the names of event files, and of tables."""
        self.places, self.owners = places or {}, owners or {}
        self.table_owners = table_owners or {}


class Batch(NamedTuple):
    """A batch that is made next."""

    attempt: int
    sequence: int
    after: Mapping[str, Place]
    """How far files are read with it."""


def load(run_dir: Path, last_sequence: LastSequence) -> Followed:
    """What attempts before have left; nothing if it cannot be read.

    What is remembered of a batch is decided now, and written: later its traces may be gone.
    """
    try:
        with (run_dir / FILE).open("rb") as file:
            content: Any = json.loads(file.read(MOST_BYTES))
        owners, table_owners = _owners(content["names"]), _owners(content.get("tableNames", {}))
        followed = Followed(_places(content["files"]), owners, table_owners)
        pending = content.get("pending")
        if pending is None:
            return followed
        if last_sequence(int(pending["attempt"])) >= int(pending["sequence"]):
            followed.places.update(_places(pending["files"]))
        save(run_dir, followed)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return Followed()
    return followed


def attributed(
    places: Mapping[str, Place], there: Iterable[Found], attempt: int, since: int
) -> dict[str, Place]:
    """The places, and files of which no attempt has read anything as files of `attempt`. Pure.

    They were there before the next attempt began. Its clock and theirs would not tell: an attempt
    may begin in the second in which the one before was killed. Files that changed until `since`
    (nanoseconds) came with the code. A file that was moved stays under its path of before, so that
    `Follower.scan` sees the move.
    """
    found, present = dict(places), list(there)
    moved = moves(places, {one.path for one in present})
    for one in present:
        path = one.path
        if path not in places and not is_table(path):
            path = moved.get(one.inode, path)
        place = places.get(path)
        if place is None and one.changed > since:
            found[path] = Place(inode=one.inode, attempt=attempt)
        elif place is not None and not place.attempt:
            found[path] = place._replace(attempt=attempt)
    return found


def moves(places: Mapping[str, Place], there: Container[str]) -> dict[int, str]:
    """The paths of files that are not there any more, by inode: one may have been moved. Pure."""
    return {place.inode: path for path, place in places.items() if path not in there}


def save(run_dir: Path, followed: Followed, batch: Batch | None = None) -> None:
    """Write what is remembered, and what will count once `batch` is made. Raises OSError."""
    content: dict[str, Any] = {
        "files": followed.places,
        "names": followed.owners,
        "tableNames": followed.table_owners,
    }
    if batch is not None:
        content["pending"] = {
            "attempt": batch.attempt,
            "sequence": batch.sequence,
            "files": dict(batch.after),
        }
    target = run_dir / FILE
    target.parent.mkdir(exist_ok=True)
    temporary = target.with_suffix(".tmp")
    with temporary.open("w", encoding="utf-8", errors="surrogatepass") as written:
        json.dump(content, written)
        written.flush()
        os.fsync(written.fileno())
    temporary.replace(target)


def place_now(handle: int, place: Place, about: os.stat_result, *, lines: bool = False) -> Place:
    """Where to read on; at the beginning if the file is another one now.

    `lines`: of a table, whose last bytes before the place are compared, too.
    """
    if lines and place.tail and place.tail != _tail(handle, place.position):
        return Place(inode=about.st_ino)
    if about.st_size >= place.position:
        head = zlib.crc32(os.pread(handle, place.head_bytes, 0))
        if head == place.head:
            return place._replace(inode=about.st_ino)
    return Place(inode=about.st_ino)


def with_tail(handle: int, place: Place) -> Place:
    """The place in a table with the checksum of the bytes before it."""
    return place._replace(tail=_tail(handle, place.position))


def with_head(handle: int, place: Place, end: int, head_bytes: int = HEAD_BYTES) -> Place:
    """The place after a file was read up to `end`, with the checksum of its begin."""
    count = min(end, head_bytes)
    if count == place.head_bytes:
        return place._replace(position=end)
    return place._replace(
        position=end, head=zlib.crc32(os.pread(handle, count, 0)), head_bytes=count
    )


def _tail(handle: int, position: int) -> int:
    count = min(position, TAIL_BYTES)
    return zlib.crc32(os.pread(handle, count, position - count))


def _places(given: Any) -> dict[str, Place]:
    found = {}
    for path, numbers in given.items():
        place = Place(*(int(number) for number in numbers))
        if min(place) < 0:
            raise ValueError(path)
        found[str(path)] = place
    return found


def _owners(given: Any) -> dict[str, Owner]:
    return {
        str(name): Owner(str(folder), int(attempt)) for name, (folder, attempt) in given.items()
    }
