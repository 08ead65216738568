"""Takes in the artifacts that relays kept and could not send before their sessions ended.

Guarantees:

- An artifact that a program logged reaches the gateway once both work, without the pod.
- It is removed from the run folder only after that. One that is refused stays there, and is said.
- A relay's files count only for the runs of the session in whose folder they are.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator

import structlog

from trainyard_gateway.errors import BadRequest, NotFound, NotPermitted, Problem
from trainyard_gateway.files.file_store import CHUNK
from trainyard_gateway.files.relayed import About, Relayed, RelayedArtifacts
from trainyard_gateway.files.runs import RunFolders
from trainyard_gateway.mlflow.artifacts import Artifacts
from trainyard_gateway.mlflow.visitor import OF_PODS, Visitor
from trainyard_gateway.mlflow.wire import places
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.sessions.spool_recovery import PAUSE_SECONDS, Recovery
from trainyard_gateway.store.store import Store

FINAL = (BadRequest, NotPermitted)
"""Refusals that stay."""
UNKNOWN_SWEEPS = 30
"""How often the run of an artifact is waited for: the session's reports may come after it."""

_log = structlog.get_logger()


class ArtifactRecovery(Recovery):
    """Looks through what relays of ended sessions kept, in the background."""

    def __init__(
        self,
        folders: RunFolders,
        relayed: RelayedArtifacts,
        cache: SessionCache,
        database: Store,
        artifacts: Artifacts,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        super().__init__(folders, cache, database, pause)
        self._relayed, self._artifacts = relayed, artifacts
        self._unknown: Counter[str] = Counter()

    async def take_in(self, uid: str) -> bool:
        """Take in what the relays of one session kept. Returns whether nothing waits."""
        # The program decides what is in there: neither a file nor a session delays the others.
        try:
            found = await asyncio.to_thread(self._relayed.of, uid)
        except Exception as error:
            self.log_once(uid, error)
            return False
        waits = taken = 0
        self._unknown[uid] += 1
        for one in found:
            try:
                about = await asyncio.to_thread(self._relayed.about, uid, one)
                if about is None or about.sent:
                    continue
                if await self._put(uid, one, about):
                    taken += 1
                else:
                    waits += 1
            except Exception as error:
                waits += 1
                self.log_once(uid, error)
        if taken:
            _log.info("took in artifacts that a relay had kept", session=uid, artifacts=taken)
        if not waits:
            del self._unknown[uid]
        return not waits

    async def _put(self, uid: str, one: Relayed, about: About) -> bool:
        """Whether it does not wait any more. Raises what passes."""
        opened = await asyncio.to_thread(self._relayed.open, uid, one)
        if opened is None:
            await asyncio.to_thread(self._relayed.remove, uid, one, content=False)
            return True
        handle, size = opened
        try:
            place = places.of_run(about.run, about.path)
            visitor = Visitor("", OF_PODS, uid)
            await self._artifacts.put(place, _pieces(handle, size), size, visitor)
        except (*FINAL, NotFound) as error:
            if isinstance(error, NotFound) and self._unknown[uid] < UNKNOWN_SWEEPS:
                return False
            _say_refused(uid, about, error)
            await asyncio.to_thread(self._relayed.remove, uid, one, content=False)
            return True
        finally:
            os.close(handle)
        await asyncio.to_thread(self._relayed.remove, uid, one, content=True)
        return True


def _say_refused(uid: str, about: About, error: Problem) -> None:
    _log.warning(
        "what a relay kept cannot be taken in; it stays in the run folder",
        session=uid,
        path=about.path,
        error=error.detail,
    )


async def _pieces(handle: int, size: int) -> AsyncIterator[bytes]:
    left = size
    while left and (piece := await asyncio.to_thread(os.read, handle, min(CHUNK, left))):
        left -= len(piece)
        yield piece
