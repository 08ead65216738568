"""The files of sessions: finds their folders, and says in a sentence what is not there."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from trainyard_api.files.names import parts_of
from trainyard_api.visible_text import visible
from trainyard_gateway.errors import AlreadyThere, NotFound, Problem, Unprocessable
from trainyard_gateway.files.outputs import folder_inside
from trainyard_gateway.run_files import listing, opening
from trainyard_gateway.run_files.archive import Archive
from trainyard_gateway.run_files.listing import Listing
from trainyard_gateway.run_files.opening import NotAFileError, OpenFile
from trainyard_gateway.run_files.sending import ArchiveSlots, ArchiveStream
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.sessions.info import SessionInfo

T = TypeVar("T")

_THREADS = 2
"""Threads that read folders at a time: each takes the interpreter from the event loop."""
_NO_FOLDER = (errno.ENOTDIR, errno.ELOOP)
_LONGEST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Place:
    """A path in the folder of a session."""

    session: SessionInfo
    parts: tuple[str, ...]

    @property
    def inside(self) -> tuple[str, ...]:
        """The path from the folder of all runs."""
        return (self.session.uid, *self.parts)

    @property
    def shown(self) -> str:
        """The path for people."""
        return visible("/".join(self.parts))[-_LONGEST_SHOWN:]


class RunFiles:
    """The files of all sessions on the volume."""

    def __init__(
        self,
        runs: Path,
        cache: SessionCache,
        retention_days: float | None,
        slots: ArchiveSlots | None = None,
    ) -> None:
        """`slots`: shared with others who send archives."""
        self._runs, self._cache, self._days = runs, cache, retention_days
        self._threads = CapacityLimiter(_THREADS)
        self._slots = slots or ArchiveSlots()

    async def listing(
        self, session: str, path: str, after: str, most: int
    ) -> tuple[SessionInfo, Listing]:
        """A page of a folder, or the one thing at the path. Raises Problem."""
        place = await self._place(session, path)
        found = await self._read(place, lambda: listing.read(self._runs, place.inside, after, most))
        return place.session, found

    async def open(self, session: str, path: str) -> OpenFile:
        """A file, which the caller closes. Raises Problem."""
        place = await self._place(session, path)
        if not place.parts:
            raise _no_file(place, opening.FOLDER)
        return await self._read(place, lambda: opening.open_file(self._runs, place.inside))

    async def archive(self, session: str, path: str, key: str) -> ArchiveStream:
        """A folder as an archive, which the caller closes. Raises Problem."""
        self._slots.take(key)
        try:
            place = await self._place(session, path)
            top = place.parts[-1] if place.parts else place.session.name
            folder = await self._read(place, lambda: self._handle(place))
        except BaseException:
            self._slots.give_back(key)
            raise
        return ArchiveStream(
            top,
            Archive(folder, top, not place.parts),
            self._threads,
            lambda: self._slots.give_back(key),
        )

    def _handle(self, place: Place) -> int:
        with folder_inside(self._runs, place.inside) as folder:
            return os.dup(folder)

    async def _place(self, session: str, path: str) -> Place:
        found = await self._cache.find(session)
        try:
            parts = parts_of(path)
        except ValueError as error:
            raise Unprocessable(f"path {visible(path)[:_LONGEST_SHOWN]!r}: {error}") from error
        place = Place(found, parts)
        if opening.is_hidden(parts):
            raise _nothing(place)
        return place

    async def _read(self, place: Place, work: Callable[[], T]) -> T:
        def careful() -> T:
            with _sentences(place, self._runs, self._days):
                return work()

        return await to_thread.run_sync(careful, limiter=self._threads)


@contextmanager
def _sentences(place: Place, runs: Path, days: float | None) -> Iterator[None]:
    """Errors of reading as problems."""
    try:
        yield
    except NotAFileError as error:
        raise _no_file(place, error.kind) from error
    except FileNotFoundError as error:
        there = (runs / place.session.uid).is_dir()
        raise (_nothing(place) if there else no_folder(place.session, days)) from error
    except OSError as error:
        if error.errno in _NO_FOLDER:
            raise Unprocessable(
                f"path {place.shown!r}: a part of it is a file or a link, and no folder; links are "
                "not followed"
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise AlreadyThere(
                f"{place.shown!r} cannot be read: the program has taken the right to read it"
            ) from error
        if error.errno in (errno.ENAMETOOLONG, errno.ESTALE):
            raise _nothing(place) from error
        raise


def no_folder(session: SessionInfo, days: float | None) -> NotFound:
    """The answer where a session has no folder."""
    if not session.deleted:
        return NotFound(
            f"session {session.name!r} has no files yet: none of its pods has started; it is "
            f"{session.phase}"
        )
    kept = f" is kept for {days:g} days after it (runRetentionDays)" if days else " is not there"
    return NotFound(
        f"session {session.name!r} was deleted, and its files are gone: the folder of a deleted "
        f"session{kept}"
    )


def _nothing(place: Place) -> NotFound:
    return NotFound(
        f"session {place.session.name!r} has no file or folder {place.shown!r}; list the folder "
        "above it to see what is there"
    )


def _no_file(place: Place, kind: str) -> Problem:
    if kind == opening.FOLDER:
        return Unprocessable(f"{place.shown or '/'!r} is a folder; list it, or ask for its archive")
    what = "a link, which is not followed" if kind == opening.LINK else "no regular file"
    return Unprocessable(f"{place.shown!r} is {what}; nothing of it is read")
