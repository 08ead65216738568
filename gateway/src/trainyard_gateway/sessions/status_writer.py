"""Keeps the gateway's part of every session's status true: datasets, code, progress, metrics,
model, outputs.

Level-triggered: for a changed session, the wanted status is computed from database and registries,
compared with the status, and patched if different. The total rate and the rate per session are
bounded; a session that changes meanwhile waits for its turn.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import structlog

from trainyard_api import names
from trainyard_api.phase import CANCELLABLE, TERMINAL
from trainyard_api.rights.owner import User
from trainyard_api.session.datasets import named_datasets
from trainyard_gateway import telemetry
from trainyard_gateway.code.bundles import CodeBundles, bundle_of
from trainyard_gateway.registry.datasets import Datasets
from trainyard_gateway.registry.models import Models
from trainyard_gateway.rights.asking import Rights
from trainyard_gateway.rights.users import Users
from trainyard_gateway.sessions import status
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.sessions.info import owned, phase_of
from trainyard_gateway.sessions.reported.measured import measured
from trainyard_gateway.sessions.resuming_sessions import ResumingSessions
from trainyard_gateway.store.access.owners import Kind
from trainyard_gateway.store.database import Database
from trainyard_gateway.store.errors import is_unavailable
from trainyard_kube import Json, KubeClient, errors, paths

PAUSE_PER_SESSION = 2.0
"""Seconds between two progress patches of one session."""
PAUSE_AFTER_BUG = 60.0
"""Seconds until a session is tried again whose status could not be computed."""
PATCHES_PER_SECOND = 20.0
"""All sessions together."""
_MOST_OF_ERROR = 500

_log = structlog.get_logger()


class StatusWriter:
    """Patches `/status` of changed sessions."""

    def __init__(  # noqa: PLR0913  one argument for each source
        self,
        kube: KubeClient,
        namespace: str,
        cache: SessionCache,
        database: Database,
        datasets: Datasets,
        code: CodeBundles,
        models: Models,
        rights: Rights | None = None,
    ) -> None:
        """`rights`: of the sessions' users. Default: of an installation without users."""
        self._code = code
        self._rights = rights or Rights(Users(database), database)
        self._kube, self._namespace, self._cache = kube, namespace, cache
        self._database, self._datasets, self._models = database, datasets, models
        self._changed: dict[str, None] = {}
        self._not_before: dict[str, float] = {}
        self._wake = asyncio.Event()
        self._resuming = ResumingSessions()

    def notify(self, uid: str) -> None:
        """Look at this session soon."""
        self._changed[uid] = None
        self._wake.set()

    def notify_waiting_for(self, dataset: str) -> None:
        """Look at the sessions that name this dataset."""
        for body in self._cache.live():
            if dataset in named_datasets(body["spec"]):
                self.notify(body["metadata"]["uid"])

    def notify_waiting_for_code(self, bundle: str) -> None:
        """Look at the sessions that name this bundle."""
        for body in self._cache.live():
            if bundle_of(body["spec"]) == bundle:
                self.notify(body["metadata"]["uid"])

    def notify_waiting(self) -> None:
        """Look at every session that names a dataset, code or a session: rights have changed."""
        for body in self._cache.live():
            spec = body["spec"]
            named = named_datasets(spec) or bundle_of(spec) or spec.get("resumeFrom")
            if named and phase_of(body) in CANCELLABLE:
                self.notify(body["metadata"]["uid"])

    def notify_resuming(self, uid: str) -> None:
        """Look at the sessions that resume from this one, if it came, went or has another owner."""
        for resuming in self._resuming.of_changed(uid, self._cache.get(uid)):
            self.notify(resuming)

    async def run(self) -> None:
        """Patch without end."""
        await self._cache.synced.wait()
        while True:
            uid = self._next()
            if uid is None:
                self._wake.clear()
                timeout = 0.2 if self._changed else None
                try:
                    # Not `wait_for`: Python 3.11's may swallow a cancellation.
                    async with asyncio.timeout(timeout):
                        await self._wake.wait()
                except TimeoutError:
                    pass
                continue
            await self._publish(uid)
            await asyncio.sleep(1 / PATCHES_PER_SECOND)

    def _next(self) -> str | None:
        """The changed session that has waited longest and may be patched now."""
        now = time.monotonic()
        for uid in self._changed:
            if self._not_before.get(uid, 0.0) <= now:
                del self._changed[uid]
                return uid
        return None

    async def _publish(self, uid: str) -> None:
        body = self._cache.get(uid)
        if body is None:
            self._not_before.pop(uid, None)
            return
        try:
            wanted = await self._wanted(uid, body)
            current = body.get("status") or {}
            patch = status.patch(current, wanted)
            if not patch:
                return
            path = paths.status(paths.sessions(self._namespace, body["metadata"]["name"]))
            # By version: the API server does not compare a UID in a patch of the status.
            version = {"resourceVersion": body["metadata"]["resourceVersion"]}
            guarded = {"metadata": version, "status": patch}
            written = await self._kube.merge_patch(path, guarded, names.GATEWAY_FIELD_MANAGER)
            telemetry.STATUS_WRITES.inc()
            self._cache.put(written)
            if "progress" in patch:
                self._not_before[uid] = time.monotonic() + PAUSE_PER_SESSION
        except (errors.NotFound, errors.Conflict):
            # Deleted, or another one of that name: the watch will say.
            return
        except Exception as error:  # one session must never end the writing for all
            self._after_failure(uid, error)

    def _after_failure(self, uid: str, error: Exception) -> None:
        """Say why a status was not written, and try again: soon, if something else is away."""
        telemetry.STATUS_FAILURES.inc()
        if isinstance(error, errors.KubeError) or is_unavailable(error):
            _log.warning("status not written", session=uid, error=str(error)[:_MOST_OF_ERROR])
            self._retry(uid, PAUSE_PER_SESSION)
            return
        _log.error("status not written: unexpected error", session=uid, exc_info=error)
        self._retry(uid, PAUSE_AFTER_BUG)

    def _retry(self, uid: str, pause: float) -> None:
        self._not_before[uid] = time.monotonic() + pause
        self.notify(uid)

    async def _wanted_datasets(self, body: Json) -> dict[str, Any]:
        """`dataset` of the status, or `datasets` where the spec names several."""
        spec = body["spec"]
        found = [await self._dataset(name, body) for name in named_datasets(spec)]
        if spec.get("datasets"):
            return {"datasets": found}
        return {"dataset": found[0]} if found else {}

    async def _wanted(self, uid: str, body: Json) -> dict[str, Any]:
        wanted: dict[str, Any] = {}
        if phase_of(body) in CANCELLABLE:
            wanted |= await self._wanted_datasets(body)
        source = (body["spec"].get("resumeFrom") or {}).get("session")
        if source and phase_of(body) not in TERMINAL:
            wanted["resumeSource"] = status.resume_source(source, self._source(source, body))
        bundle = bundle_of(body["spec"])
        if bundle is not None and phase_of(body) in CANCELLABLE:
            seen = await self._rights.sees_bundle(self._user(body), bundle)
            wanted["code"] = status.code(bundle, seen and await self._code.has(bundle))
        # Reads do not wait for the inbox: `on_applied` announces newer reports to this writer.
        found = await self._database.read(lambda c: measured(c, [uid]), applied=False)
        if uid in found:
            wanted |= found[uid]._asdict()
        model = await self._models.of_session(uid)
        if model is not None:
            wanted["model"] = status.model(model)
        if outputs := await self._models.outputs_of(uid):
            wanted["outputs"] = status.outputs(outputs)
        return wanted

    async def _dataset(self, name: str, body: Json) -> dict[str, Any]:
        """What a session may know of the dataset that it names: what its user may see."""
        seen = await self._rights.sees(self._user(body), Kind.DATASET, name)
        found = await self._datasets.find(name) if seen else None
        return status.dataset(name, found, body["spec"])

    def _source(self, name: str, body: Json) -> str | None:
        """UID of the live session of that name that the session's user may see."""
        user = self._user(body)
        named = [b for b in self._cache.seen_by(user) if b["metadata"]["name"] == name]
        return str(named[0]["metadata"]["uid"]) if named else None

    def _user(self, body: Json) -> User:
        return self._rights.users.of(owned(body).user or "")
