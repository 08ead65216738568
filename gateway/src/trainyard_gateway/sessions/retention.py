"""Removes the folders of sessions that were deleted a while ago.

Guarantees:

- A folder stays while its session is in the cluster, or a session in the cluster names it in
  `resumeFrom`.
- A folder stays unless the database knows its session as deleted, since it may be the wrong one.
- Time counts from when the session was first missed, not from when its files were written. Running
  against the wrong cluster for a day removes nothing.
- While the cluster does not answer, nothing is removed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import structlog

from trainyard_gateway.files.runs import RunFolders
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.sessions.sweeps import DAY, sweep_again_and_again
from trainyard_gateway.store import sessions
from trainyard_gateway.store.database import Database

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with folders, by UID."""

    mark: frozenset[str]
    unmark: frozenset[str]
    remove: frozenset[str]


def plan(
    folders: Collection[str],
    marks: Mapping[str, float],
    live: Collection[str],
    needed: Collection[str],
    gone: Mapping[str, str],
    before: float,
) -> Plan:
    """Pure.

    `live`: UIDs in the cluster; `needed`: names in their `resumeFrom`; `gone`: UID and name of the
    sessions that the database knows as deleted; `before`: marks up to this time, in seconds since
    the epoch, are old enough.
    """
    removable = {
        uid for uid in folders if uid not in live and uid in gone and gone[uid] not in needed
    }
    return Plan(
        mark=frozenset(removable - marks.keys()),
        unmark=frozenset(marks.keys() - removable),
        remove=frozenset(uid for uid in removable & marks.keys() if marks[uid] <= before),
    )


class Retention:
    """Looks through the run folders in the background."""

    def __init__(
        self, folders: RunFolders, cache: SessionCache, database: Database, days: float
    ) -> None:
        self._folders, self._cache, self._database = folders, cache, database
        self._seconds = days * DAY

    async def run(self) -> None:
        """Sweep again and again, first when the cluster's sessions are known."""
        await sweep_again_and_again(self.sweep, self._cache, self._seconds, "run folders")

    async def sweep(self) -> None:
        """Once. Raises OSError and DatabaseError."""
        folders, marks = await asyncio.to_thread(
            lambda: (self._folders.there(), self._folders.marks())
        )
        gone = await self._database.read(
            lambda c: sessions.deleted_names(c, sorted(folders)), applied=False
        )
        if self._cache.stale is not None:
            return
        # Asked for last: what has come meanwhile is not in `gone`, and what it needs is seen.
        live = self._cache.live()
        wanted = plan(
            folders,
            marks,
            {body["metadata"]["uid"] for body in live},
            {str((body["spec"].get("resumeFrom") or {}).get("session")) for body in live},
            gone,
            time.time() - self._seconds,
        )
        left = await asyncio.to_thread(self._carry_out, wanted)
        if wanted.remove:
            _log.info(
                "removed folders of runs whose sessions are gone", sessions=sorted(wanted.remove)
            )
        if left:
            _log.warning("folders of runs cannot be deleted", below="runs/.removing", folders=left)

    def _carry_out(self, wanted: Plan) -> list[str]:
        for uid in wanted.unmark:
            self._folders.unmark(uid)
        for uid in wanted.mark:
            self._folders.mark(uid)
        for uid in wanted.remove:
            self._folders.remove(uid)
        return self._folders.remove_rest()
