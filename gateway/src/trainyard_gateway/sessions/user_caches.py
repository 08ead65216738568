"""Keeps the caches of programs on the volume within their bound: what was not used longest goes.

Guarantees:

- Nothing is removed of a user who has a session that has not ended, or had one within the last
  hour, as far as this gateway has seen; after its start it waits for an hour.
- No link is followed, also if a folder is replaced by one meanwhile.
- While the cluster does not answer, nothing is removed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from trainyard_api import names
from trainyard_api.phase import TERMINAL
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.sessions.sweeps import sweep_again_and_again

IDLE_SECONDS = 3600.0
"""So long after the last session of a user that was seen, the caches stay."""
_PERIOD = 3600
"""Times of use count by the hour."""
_BLOCK = 512

_log = structlog.get_logger()


@dataclass(slots=True)
class Usage:
    """What the caches take, in bytes."""

    total: int = 0
    by_hour: Counter[int] = field(default_factory=Counter)
    """Of users without a session, by the hour of the last use."""


def oldest_to_go(usage: Usage, most: int) -> int | None:
    """The hour until which files go so that `most` bytes are left; None if none has to go. Pure."""
    excess = usage.total - most
    if excess <= 0 or not usage.by_hour:
        return None
    hour = min(usage.by_hour)
    for hour in sorted(usage.by_hour):
        excess -= usage.by_hour[hour]
        if excess <= 0:
            break
    return hour


class UserCaches:
    """Looks through the caches in the background."""

    def __init__(
        self, folder: Path, cache: SessionCache, most: int, since: float | None = None
    ) -> None:
        """`folder` holds a folder for each user; `most` is in bytes.

        `since`: when sessions began to be seen, in seconds since the epoch; None means now.
        """
        self._folder, self._cache, self._most = folder, cache, most
        self._seen: dict[str, float] = {}
        self._since = time.time() if since is None else since

    async def run(self) -> None:
        """Sweep again and again, first when the cluster's sessions are known."""
        await sweep_again_and_again(self.sweep, self._cache, 2 * IDLE_SECONDS, "caches")

    async def sweep(self) -> None:
        """Once. Raises OSError."""
        if self._cache.stale is not None:
            return
        now = time.time()
        for body in self._cache.live():
            labels = body["metadata"].get("labels") or {}
            phase = (body.get("status") or {}).get("phase")
            if phase not in TERMINAL and (user := labels.get(names.LABEL_USER)):
                self._seen[names.cache_folder(str(user))] = now
        freed = await asyncio.to_thread(self.trim, dict(self._seen), now)
        if freed:
            _log.info("removed files of caches that were not used longest", bytes=freed)

    def trim(self, seen: Mapping[str, float], now: float) -> int:
        """Remove files until the bound is kept; the bytes that are free then. Raises OSError.

        `seen` says when a session of a user's folder was last seen, in seconds since the epoch.
        """
        idle = {
            entry.name: seen.get(entry.name, self._since) < now - IDLE_SECONDS
            for entry in os.scandir(self._folder)
            if entry.is_dir(follow_symlinks=False)
        }
        usage = Usage()
        for user, may_go in idle.items():
            for _, _, status in _files(self._folder / user):
                usage.total += status.st_blocks * _BLOCK
                if may_go:
                    usage.by_hour[_hour(status)] += status.st_blocks * _BLOCK
        last = oldest_to_go(usage, self._most)
        if last is None:
            return 0
        users = [user for user, may_go in idle.items() if may_go]
        return sum(self._removed(user, last) for user in users)

    def _removed(self, user: str, last: int) -> int:
        freed = 0
        for name, descriptor, status in _files(self._folder / user):
            if _hour(status) > last:
                continue
            # Of a folder that its user has locked, nothing goes.
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=descriptor)
                freed += status.st_blocks * _BLOCK
        return freed


def _files(folder: Path) -> Iterator[tuple[str, int, os.stat_result]]:
    """Each file and link below `folder`, by its name in an open folder, and its status."""
    for _, _, file_names, descriptor in os.fwalk(folder, follow_symlinks=False):
        for name in file_names:
            try:
                yield name, descriptor, os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            except FileNotFoundError:
                continue


def _hour(status: os.stat_result) -> int:
    return int(max(status.st_atime, status.st_mtime)) // _PERIOD
