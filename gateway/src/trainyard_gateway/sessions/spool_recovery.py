"""Stores the reports that trainers left on the volume when they could not reach the gateway.

Guarantees:

- A report in a spool reaches the database once gateway and volume work, without the trainer.
- A batch is removed only after it was applied, or if it can never be.
- A batch counts only for the session in whose folder it is, and only if that session has ended.
- While the cluster does not answer, no batch is read whose sender may still run.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from io import BytesIO

import structlog
from pydantic import ValidationError

from trainyard_api.phase import TERMINAL
from trainyard_api.report import Batch
from trainyard_api.runs.lines import batch_of
from trainyard_gateway.files.runs import RunFolders
from trainyard_gateway.files.spool import SpooledBatch, SpoolFolders
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.sessions.info import phase_of
from trainyard_gateway.store import sessions
from trainyard_gateway.store.errors import DatabaseError
from trainyard_gateway.store.store import Store

PAUSE_SECONDS = 10.0

_log = structlog.get_logger()


def over(
    folders: Collection[str], live: Mapping[str, str], gone: Collection[str], done: Collection[str]
) -> frozenset[str]:
    """The folders whose spools have no sender any more and are not known to be empty. Pure.

    `live`: phase by UID of the sessions in the cluster; `gone`: UIDs that the database knows as
    deleted; `done`: UIDs whose spool is empty.
    """
    return frozenset(
        uid
        for uid in folders
        if uid not in done and (live[uid] in TERMINAL if uid in live else uid in gone)
    )


def parsed(content: bytes | None, uid: str, left: SpooledBatch) -> Batch | None:
    """The batch in a spool file; None if its trainer cannot have written it. Pure."""
    place = (uid, int(left.attempt), left.stream, left.sequence)
    try:
        if left.is_lines:
            names = ("sessionUid", "attempt", "stream", "sequence")
            lines = batch_of(dict(zip(names, place, strict=True)), BytesIO(content or b""))
            return Batch.model_validate(lines)
        batch = Batch.model_validate_json(content or b"")
    except (ValidationError, TypeError, AttributeError):
        return None
    return (
        batch if place == (batch.session_uid, batch.attempt, batch.stream, batch.sequence) else None
    )


class Recovery(ABC):
    """Looks through the folders of sessions that have ended, in the background."""

    def __init__(
        self,
        folders: RunFolders,
        cache: SessionCache,
        database: Store,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        self._folders, self._cache, self._database = folders, cache, database
        self._pause = pause
        self._done: set[str] = set()
        self._logged: set[str] = set()

    async def run(self) -> None:
        """Sweep again and again, first when the cluster's sessions are known."""
        await self._cache.synced.wait()
        while True:
            try:
                await self.sweep()
            except (OSError, DatabaseError) as error:
                _log.warning("reports left by trainers not looked through", error=str(error))
            await asyncio.sleep(self._pause)

    async def sweep(self) -> None:
        """Once. Raises OSError and DatabaseError."""
        if self._cache.stale is not None:
            return
        folders = await asyncio.to_thread(self._folders.there)
        self._done &= folders
        self._logged &= folders
        live = {body["metadata"]["uid"]: phase_of(body) for body in self._cache.live()}
        unknown = sorted(folders - live.keys() - self._done)
        gone = (
            await self._database.read(lambda c: sessions.deleted_names(c, unknown), applied=False)
            if unknown
            else {}
        )
        for uid in sorted(over(folders, live, gone, self._done)):
            if await self.take_in(uid):
                self._done.add(uid)

    @abstractmethod
    async def take_in(self, uid: str) -> bool:
        """Take in what one session has left. Returns whether nothing was left."""

    def log_once(self, uid: str, error: Exception) -> None:
        """Log the first error of a session."""
        if uid not in self._logged:
            self._logged.add(uid)
            _log.warning(
                "reports left by a trainer cannot be taken in", session=uid, error=str(error)
            )


class SpoolRecovery(Recovery):
    """Looks through the spools; `folders` and `reports` are of the same place."""

    def __init__(
        self,
        folders: RunFolders,
        reports: SpoolFolders,
        cache: SessionCache,
        database: Store,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        super().__init__(folders, cache, database, pause)
        self._reports = reports

    async def take_in(self, uid: str) -> bool:
        """Apply the batches in the spool of one session. Returns whether it was empty."""
        # The program decides what is in there: neither a batch nor a session delays the others.
        try:
            found = await asyncio.to_thread(self._reports.of, uid)
        except Exception as error:
            self.log_once(uid, error)
            return False
        failed = 0
        for left in found:
            try:
                await self._apply(uid, left)
            except Exception as error:
                failed += 1
                self.log_once(uid, error)
        if applied := len(found) - failed:
            _log.info("took in reports that a trainer had left", session=uid, batches=applied)
        return not found

    async def _apply(self, uid: str, left: SpooledBatch) -> None:
        batch = parsed(await asyncio.to_thread(self._reports.read, uid, left), uid, left)
        if batch is None:
            _log.warning("what lies in a spool is no report", session=uid, file=left.file)
        else:
            await self._database.ingest(batch)
        await asyncio.to_thread(self._reports.remove, uid, left)
