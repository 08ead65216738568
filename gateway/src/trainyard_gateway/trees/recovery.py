"""Registers the trees that sessions staged and could not report before they ended.

Guarantees:

- What was staged with a report is registered once gateway and volume work, without the pod.
- A staged tree is removed only after that, or if it can never be registered.
- What a pod staged in part is removed an hour after its session has ended.
"""

from __future__ import annotations

import asyncio

import structlog
from pydantic import ValidationError

from trainyard_api import contract
from trainyard_api.report import TreeReport
from trainyard_gateway.errors import BadRequest, NotPermitted, Problem, TooLarge, Unprocessable
from trainyard_gateway.files.runs import RunFolders
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.sessions.spool_recovery import PAUSE_SECONDS, Recovery
from trainyard_gateway.store.store import Store
from trainyard_gateway.trees.service import Trees
from trainyard_gateway.trees.staged import PendingReport, StagedTrees

FINAL = (BadRequest, NotPermitted, TooLarge, Unprocessable)
"""Refusals that no later report changes."""

_log = structlog.get_logger()


def parsed(content: bytes | None, uid: str, pending: PendingReport) -> TreeReport | None:
    """The report in a file; None if the session's supervisor cannot have written it. Pure."""
    try:
        report = TreeReport.model_validate_json(content or b"")
    except ValidationError:
        return None
    file = f"{contract.TREE_REPORT_PREFIX}{report.name}.json"
    place = (report.session_uid, report.tree, file)
    return report if place == (uid, pending.tree, pending.file) else None


class TreeRecovery(Recovery):
    """Looks through what ended sessions staged, in the background."""

    def __init__(
        self,
        folders: RunFolders,
        staged: StagedTrees,
        cache: SessionCache,
        database: Store,
        trees: Trees,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        super().__init__(folders, cache, database, pause)
        self._staged, self._trees = staged, trees

    async def take_in(self, uid: str) -> bool:
        """Register what a session staged. Returns whether nothing is left."""
        # The program decides what is in there: neither a tree nor a session delays the others.
        try:
            found = await asyncio.to_thread(self._staged.pending, uid)
        except Exception as error:
            self.log_once(uid, error)
            return False
        for pending in found:
            try:
                await self._register(uid, pending)
            except Exception as error:
                self.log_once(uid, error)
        try:
            return await asyncio.to_thread(self._staged.remove_abandoned, uid) and not found
        except OSError as error:
            self.log_once(uid, error)
            return False

    async def _register(self, uid: str, pending: PendingReport) -> None:
        report = parsed(await asyncio.to_thread(self._staged.report, uid, pending), uid, pending)
        if report is None:
            _log.warning("what is staged has no valid report", session=uid, tree=pending.tree)
        else:
            try:
                made = await self._trees.adopt(report)
                _log.info(
                    "registered what a session staged", session=uid, model=made.name,
                    version=made.version,
                )  # fmt: skip
            except FINAL as error:
                _log.warning(
                    "what a session staged cannot be registered", session=uid, tree=pending.tree,
                    error=error.detail,
                )  # fmt: skip
            except Problem as error:
                self.log_once(uid, error)
                return
        await asyncio.to_thread(self._staged.remove_report, uid, pending)
