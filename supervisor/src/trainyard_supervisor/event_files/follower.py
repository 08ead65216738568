"""Reads what is new in the event files and tables of a run folder.

Guarantees: a value is given once, however its file grows, and again only if its file is replaced or
gets other columns. Nothing that a file holds raises an error. What was read counts when `keep` is
called; until then the same is read again.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from trainyard_supervisor.event_files.finding import (
    MOST_FILES,
    TABLES,
    Found,
    event_files,
    is_table,
    newest,
)
from trainyard_supervisor.event_files.followed import (
    Followed,
    Place,
    moves,
    place_now,
    with_head,
    with_tail,
)
from trainyard_supervisor.event_files.naming import MOST_NAMES, Names, table_candidates
from trainyard_supervisor.event_files.records import Records, read_records
from trainyard_supervisor.event_files.rows import MOST_STEP, Row, epoch_of, rows_of
from trainyard_supervisor.event_files.summaries import Event, event_of

BATCH_BYTES = 64 << 10
"""Bytes that become one batch: at most a few thousand values."""
PATIENCE = 5
"""Looks at what is no record, until it is passed over."""
_CLOCK_SECONDS = 2.0
"""What the clocks of two attempts may differ; and writers may know whole seconds only."""
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Session(NamedTuple):
    """What the follower needs to know of the session and its attempt."""

    attempt: int = 1
    since: int = -1
    """Files that changed until then (nanoseconds since 1970) came with the code."""
    started: float = 0.0
    """The begin of the attempt, in seconds since 1970."""
    takes: Callable[[str], bool] = lambda _: True
    """Whether a metric is taken from event files."""
    shown: Callable[[str], str] = str
    """A name without what must not be shown."""
    takes_of_tables: Callable[[str], bool] = lambda _: True
    """Whether a metric is taken from tables."""


class _Look(NamedTuple):
    """What the last look at a file has found."""

    seen: tuple[int, int] = (-1, -1)
    """Its size and time, if nothing more was to be read."""
    stuck: int = 0
    """Looks in a row at which no record stood at its place."""


class Reading:
    """What is new; it counts when it is kept."""

    def __init__(self, step: int | None, epoch: int | None) -> None:
        self.step = step
        """The highest step of this attempt."""
        self.epoch = epoch
        """Whole epochs that are done, where the program writes them."""
        self.rows: list[Row] = []
        self.places: dict[str, Place] = {}
        """How far the files are read with it."""
        self.looks: dict[str, _Look] = {}
        self.taken = 0
        """Bytes that were looked at."""


class Follower:
    """The event files below `root` during one attempt; one thread calls it."""

    def __init__(
        self, root: Path, followed: Followed, session: Session, say: Callable[[str], None]
    ) -> None:
        self.followed = followed
        self._root, self._session, self._say = root, session, say
        self._names = Names(followed.owners)
        self._table_names = Names(followed.table_owners, table_candidates)
        followed.owners = self._names.owners
        followed.table_owners = self._table_names.owners
        self._there: dict[str, Found] = {}
        self._folders: set[str] = set()
        self._looks: dict[str, _Look] = {}
        self._said: set[str] = set()
        self._step: int | None = None
        self._epoch: int | None = None

    def scan(self) -> None:
        """Look for files that are new or gone."""
        found, whole = event_files(self._root)
        if not whole:
            self._say_once("the run folder has too many files: event files may not be found")
        if len(found) > MOST_FILES:
            self._say_once(f"of all event files the {MOST_FILES} that changed last are followed")
        # Event files first: of a value in both, that of the event file is the first.
        ordered = sorted(newest(found), key=lambda one: is_table(one.path))
        self._there = {one.path: one for one in ordered}
        self._folders = {_folder(path) for path in self._there if not is_table(path)}
        places = self.followed.places
        moved = moves(places, self._there)
        for path, one in self._there.items():
            if path in places:
                continue
            if one.inode in moved and not is_table(path):
                self._rename(moved[one.inode], path)
            else:
                came = one.changed <= self._session.since
                places[path] = self._end_of(one) if came else Place(inode=one.inode)
        gone = [path for path in places if path not in self._there]
        for path in gone[: max(0, len(gone) - MOST_FILES)]:
            del places[path]
            self._looks.pop(path, None)

    def _end_of(self, found: Found) -> Place:
        """The end of a file that came with the code, by which it is known until it is replaced."""
        end = Place(position=found.size, inode=found.inode)
        try:
            handle = os.open(self._root / found.path, _OPEN)
        except OSError:
            return end
        try:
            return with_tail(handle, with_head(handle, end, found.size))
        except OSError:
            return end
        finally:
            os.close(handle)

    @property
    def files(self) -> int:
        """How many event files there are."""
        return len(self._there)

    def read(self, *, last: bool = False) -> Reading:
        """What is new, in one batch; nothing is read if there is no more for now.

        `last`: no program writes any more, so that what is no record will not become one.
        """
        reading = Reading(self._step, self._epoch)
        for path in self._there:
            if reading.taken >= BATCH_BYTES:
                break
            reading.taken += self._read_file(path, reading, BATCH_BYTES - reading.taken, last)
        return reading

    def keep(self, reading: Reading) -> None:
        """What was read is safe: read after it the next time."""
        self.followed.places.update(reading.places)
        self._looks.update(reading.looks)
        self._step, self._epoch = reading.step, reading.epoch

    def _read_file(self, path: str, reading: Reading, most: int, last: bool) -> int:
        """Read on in a file, about `most` bytes; how many it was."""
        look = self._looks.get(path, _Look())
        try:
            handle = os.open(self._root / path, _OPEN)
        except OSError:
            # It is gone or no file any more; the next scan sees that.
            return 0
        try:
            about = os.fstat(handle)
            now = (about.st_size, about.st_mtime_ns)
            if not stat.S_ISREG(about.st_mode) or (now == look.seen):
                return 0
            place = place_now(handle, self.followed.places[path], about, lines=is_table(path))
            if is_table(path):
                return self._read_table(path, handle, place, reading, last)
            found = read_records(
                lambda at, count: os.pread(handle, count, at),
                place.position,
                about.st_size,
                most,
                passes_over=last or look.stuck >= PATIENCE,
            )
            after = with_head(handle, place, found.end)
        except OSError as error:
            self._say_once(f"the event file {path} cannot be read ({error.strerror})")
            return 0
        finally:
            os.close(handle)
        whole = found.taken < most and not found.stuck
        reading.looks[path] = _Look(
            now if whole else (-1, -1), look.stuck + 1 if found.stuck else 0
        )
        events, damaged = _events(found)
        reading.places[path] = self._take(path, after, events, reading)
        if damaged:
            self._say_once(f"the event file {path} is damaged: what is no record is passed over")
        return found.taken

    def _read_table(
        self, path: str, handle: int, place: Place, reading: Reading, last: bool
    ) -> int:
        """Read on in what may be a table; how many bytes it was. Raises OSError."""
        # Imported where there are such files: it takes memory that the others need not.
        from trainyard_supervisor.event_files.table_reading import read_table

        about = os.fstat(handle)
        found = read_table(path, handle, place, BATCH_BYTES - reading.taken, last=last)
        if found.taken == 0:
            reading.looks[path] = _Look((about.st_size, about.st_mtime_ns))
        for sentence in found.left_out:
            self._say_once(self._session.shown(sentence))
        attempt = self._attempt_of(path, place, about.st_mtime)
        after = found.after._replace(attempt=attempt)
        reading.places[path] = self._take(path, after, found.events, reading)
        if found.epochs is not None and attempt == self._session.attempt:
            reading.epoch = found.epochs
        return found.taken

    def _take(self, path: str, place: Place, events: Iterable[Event], reading: Reading) -> Place:
        """Add the values of events to `reading`; the place with what they tell of the file."""
        for event in events:
            if not place.attempt:
                place = place._replace(attempt=self._attempt_of(path, place, event.wall_time))
            if not event.values:
                continue
            if not 0 <= event.step <= MOST_STEP:
                self._say_once(f"values of {path} at step {event.step} are left out")
                continue
            name_of = partial(self._name, path, place.attempt)
            reading.rows += rows_of(event, name_of)
            if place.attempt == self._session.attempt:
                reading.step = max(event.step, reading.step or 0)
                epoch = epoch_of(event)
                reading.epoch = reading.epoch if epoch is None else epoch
        return place

    def _name(self, path: str, attempt: int, tag: str) -> str | None:
        table = is_table(path)
        if table:
            name = self._table_names.of(_table_place(path), tag, attempt, ())
        else:
            name = self._names.of(_folder(path), tag, attempt, self._folders)
        if name is None:
            self._say_once(f"more than {MOST_NAMES:,} metrics in event files: the rest is left out")
            return None
        name = self._session.shown(name)
        takes = self._session.takes_of_tables if table else self._session.takes
        return name if takes(name) else None

    def _attempt_of(self, path: str, place: Place, wall_time: float) -> int:
        """The attempt that wrote a value of a file.

        Where it is not known, it is the one before if file and value are that old. A table of an
        earlier attempt is of this one as soon as it is newer without a doubt.
        """
        session, changed = self._session, self._there[path].changed / 1e9
        if not place.attempt:
            before = max(wall_time, changed) < session.started - _CLOCK_SECONDS
            return max(1, session.attempt - before)
        now = min(wall_time, changed) > session.started + _CLOCK_SECONDS
        return session.attempt if now else place.attempt

    def _rename(self, old: str, new: str) -> None:
        """A file was moved: it is read further where it is now, under the same names."""
        places = self.followed.places
        places[new] = places.pop(old)
        before, now = _folder(old), _folder(new)
        if before not in self._folders:
            self._names.move(before, now)

    def _say_once(self, sentence: str) -> None:
        if sentence not in self._said and len(self._said) < MOST_FILES:
            self._said.add(sentence)
            self._say(sentence)


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _table_place(path: str) -> str:
    """What stands for a table in names: its folder, or its path if its name is another one."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/" if name.lower() in TABLES else path.rpartition(".")[0]


def _events(found: Records) -> tuple[list[Event], int]:
    """The events of records, and how many bytes are none."""
    events, damaged = [], found.damaged
    for content in found.contents:
        try:
            events.append(event_of(content))
        except ValueError:
            damaged += len(content)
    return events, damaged
