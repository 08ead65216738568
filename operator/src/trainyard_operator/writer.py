"""Sends writes to the API server: a bounded number at a time, the most urgent first.

Guarantees:

- Nothing is sent while the Lease is not held.
- A session has at most one write under way. Until the outcome of a creation is known, its
  resources count as used.
- The order of lanes is that of `core/outbox.py`. Informational writes are sent one at a time with
  a cooldown after each, so that the API server has time for the running sessions, however many
  wait.
- A creation whose answer was lost is repeated until the API server says what became of it: a Job
  of that name that belongs to the session is the one that was requested.
- A status is written only to the session and the version that it was decided for, never to a
  session created again under the same name. The resourceVersion ensures that: the API server does
  not compare a UID in a patch of the status subresource (tests/integration/kube asserts it).
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import structlog

from trainyard_api import names
from trainyard_kube import Json, KubeClient, errors, paths
from trainyard_operator.core.actions import (
    CreateBuilder,
    CreateJob,
    DeleteJobs,
    DeleteSession,
    Lane,
    PatchQueue,
    PatchStatus,
    Write,
)
from trainyard_operator.core.outbox import PATIENCE, Outbox, replaceable
from trainyard_operator.events import EventSink
from trainyard_operator.informer import Informer
from trainyard_operator.metrics import Metrics
from trainyard_scheduler.objects.model import Assumed, Refusal

_log = structlog.stdlib.get_logger(__name__)

WORKERS: Mapping[Lane, int] = {Lane.JOBS: 8, Lane.PHASES: 4, Lane.INFORMATIONAL: 1}
"""How many writes of each lane may be under way at once."""
COOLDOWN_FACTOR = 2.0
"""After an informational write the lane pauses for this many times as long as the write took…"""
MAX_COOLDOWN_SECONDS = 2.0
"""… but at most this long."""
MAX_INFORMATIONAL = 16
"""Informational writes that wait at most. Further positions are computed later."""
RETRY_SECONDS = (1.0, 2.0, 3.0, 5.0)
"""Pauses after the first, second, … write without an answer; the last one repeats."""
MAX_RETRY_AFTER_SECONDS = 60.0
REFUSED_SECONDS = 30.0
"""How long nothing is decided for a session after the API server refused a write."""


class Writer:
    """A pool of workers over one outbox."""

    def __init__(  # noqa: PLR0913  # everything that a write touches, and the clocks
        self,
        kube: KubeClient,
        informer: Informer,
        events: EventSink,
        metrics: Metrics,
        may_write: Callable[[], bool],
        changed: Callable[[], None],
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now` gives seconds since the epoch, `clock` monotonic seconds."""
        self._kube = kube
        self._informer = informer
        self._events = events
        self._metrics = metrics
        self._namespace = informer.config.namespace
        self._may_write = may_write
        self._changed = changed
        self._now = now
        self._clock = clock
        self._outbox = Outbox()
        self._available = {lane: asyncio.Event() for lane in Lane}

    def submit(self, write: Write) -> None:
        """Take a write over.

        Its object is busy from now on, unless it is a status that may still be replaced.
        """
        if not replaceable(write):
            assumed = None
            if isinstance(write, CreateJob):
                assumed = Assumed(write.attempt, write.nodes, write.shape)
            self._informer.state.begin(write.uid, assumed)
            if isinstance(write, CreateBuilder):
                self._informer.state.builders.starting.add(write.uid)
        self._outbox.put(write)
        self._wake_workers()

    def withdraw(self, uid: str) -> None:
        """Drop the unsent status of a session that changed: it will be decided again."""
        self._outbox.withdraw(uid)

    def room_for_status_updates(self) -> int:
        """How many more informational writes may be decided."""
        return max(0, MAX_INFORMATIONAL - self._outbox.waiting(Lane.INFORMATIONAL))

    def backlog(self) -> dict[Lane, int]:
        """How many writes of each lane wait to be sent."""
        return {lane: self._outbox.waiting(lane) for lane in Lane}

    async def work(self, lane: Lane) -> None:
        """Send the writes of a lane, one after the other. Never returns."""
        while True:
            write = await self._next(lane)
            started = self._clock()
            await self._carry_out(write)
            if lane == Lane.INFORMATIONAL:
                took = self._clock() - started
                await asyncio.sleep(min(MAX_COOLDOWN_SECONDS, COOLDOWN_FACTOR * took))

    async def _next(self, lane: Lane) -> Write:
        while (write := self._outbox.take(lane, self._clock())) is None:
            self._available[lane].clear()
            with suppress(TimeoutError):
                waits = self._outbox.waiting(lane) and PATIENCE[lane]
                async with asyncio.timeout(waits or None):
                    await self._available[lane].wait()
        if replaceable(write):
            self._informer.state.begin(write.uid)
        self._wake_workers()
        return write

    def _wake_workers(self) -> None:
        for available in self._available.values():
            available.set()

    async def _carry_out(self, write: Write) -> None:
        for attempt in itertools.count():
            # Time alone can make it false, so there is no event to wait for.
            while not self._may_write():  # noqa: ASYNC110
                await asyncio.sleep(0.2)
            try:
                await self._send(write)
            except errors.KubeError as error:
                if not _may_succeed_later(error):
                    self._not_taken(write, error)
                    return
                self._count(write, "no answer")
                pause = _retry_pause(attempt, error)
                if not isinstance(write, CreateJob):
                    # Another write may be right by then, so it is decided again.
                    self._later(write, pause)
                    return
                if write.uid not in self._informer.state.sessions:
                    break
                await asyncio.sleep(pause)
            else:
                break
        self._sent(write.uid)
        self._release(write.uid)

    def _sent(self, uid: str) -> None:
        self._outbox.sent(uid)
        self._wake_workers()

    def _release(self, uid: str) -> None:
        """The object is not busy any more.

        If a Job waits to be created for it, it stays busy and its resources stay used.
        """
        if not self._outbox.promises(uid):
            self._informer.state.done(uid)
        self._changed()

    def _not_taken(self, write: Write, error: errors.KubeError) -> None:
        """The same write would be refused again."""
        self._count(write, "refused")
        _log.error("the API server refused a write", write=repr(write), error=str(error))
        if not isinstance(write, CreateJob | CreateBuilder):
            self._later(write, REFUSED_SECONDS)
            return
        message = (
            f"The API server refused to create Job {write.name} ({_words(error)}); "
            f"tried again every {REFUSED_SECONDS:g} s."
        )
        until = self._now() + REFUSED_SECONDS
        self._sent(write.uid)
        self._informer.state.refuse(write.uid, Refusal(until, message[:1024]))
        self._changed()

    def _later(self, write: Write, seconds: float) -> None:
        self._sent(write.uid)
        asyncio.get_running_loop().call_later(seconds, self._release, write.uid)

    def _count(self, write: Write, outcome: str) -> None:
        self._metrics.writes.labels(type(write).__name__, outcome).inc()

    # ── the requests ──────────────────────────────────────────────────────────────────────

    async def _send(self, write: Write) -> None:
        match write:
            case CreateJob():
                await self._create_job(write)
            case CreateBuilder():
                await self._create_owned(write)
            case PatchStatus():
                await self._patch_status(write)
            case DeleteJobs():
                await self._delete_jobs(write)
            case DeleteSession():
                await self._delete_session(write)
            case PatchQueue():
                await self._patch_queue(write)

    async def _create_job(self, write: CreateJob) -> None:
        if write.service is not None:
            with suppress(errors.AlreadyExists):
                await self._kube.create(paths.services(self._namespace), write.service)
                self._metrics.writes.labels("CreateService", "ok").inc()
        await self._create_owned(write)
        self._metrics.admissions.inc()
        session = self._informer.state.sessions.get(write.uid)
        if session is not None and session.status.queued is not None:
            self._metrics.wait.observe(max(0.0, self._now() - session.status.queued))

    async def _create_owned(self, write: CreateJob | CreateBuilder) -> None:
        """Create a Job, or find the one that was created before."""
        try:
            job = await self._kube.create(paths.jobs(self._namespace), write.job)
            self._count(write, "ok")
        except errors.AlreadyExists:
            self._count(write, "there already")
            job = await self._kube.get(paths.jobs(self._namespace, write.name))
            if not _owned_by(job, write.uid):
                # It belongs to another object: it is neither adopted nor deleted, and the session's
                # status says so.
                raise
        self._informer.absorb("jobs", job)

    async def _patch_status(self, write: PatchStatus) -> None:
        if self._informer.kinds["sessions"].version(write.uid) != write.version:
            return
        path = paths.sessions(self._namespace, write.name)
        body = {"metadata": {"resourceVersion": str(write.version)}, **write.patch}
        try:
            raw = await self._kube.merge_patch(
                paths.status(path), body, names.OPERATOR_FIELD_MANAGER
            )
        except errors.NotFound:
            self._count(write, "gone")
            return
        except errors.Conflict:
            self._count(write, "conflict")
            # The session changed meanwhile. The next decision is made from what it is now.
            self._metrics.conflicts.inc()
            with suppress(errors.NotFound):
                self._informer.absorb("sessions", await self._kube.get(path))
            return
        self._count(write, "ok")
        self._informer.absorb("sessions", raw)
        if write.event is not None:
            self._events.offer(write.uid, write.name, write.event)

    async def _delete_jobs(self, write: DeleteJobs) -> None:
        for name, uid in write.jobs:
            await self._delete(write, paths.jobs(self._namespace, name), uid)
            self._informer.remove("jobs", uid)

    async def _delete_session(self, write: DeleteSession) -> None:
        await self._delete(write, paths.sessions(self._namespace, write.name), write.uid)
        self._informer.remove("sessions", write.uid)

    async def _delete(self, write: Write, path: str, uid: str) -> None:
        try:
            await self._kube.delete(path, uid=uid)
            self._count(write, "ok")
        except errors.NotFound:
            self._count(write, "gone")
        except errors.Conflict:
            # Another object has its name, unless others changed it at the same moment.
            with suppress(errors.NotFound):
                if (await self._kube.get(path))["metadata"]["uid"] == uid:
                    raise
            self._count(write, "gone")

    async def _patch_queue(self, write: PatchQueue) -> None:
        path = paths.status(paths.queues(self._namespace, write.name))
        try:
            raw = await self._kube.merge_patch(path, write.patch, names.OPERATOR_FIELD_MANAGER)
        except errors.NotFound:
            self._count(write, "gone")
            return
        self._count(write, "ok")
        self._informer.absorb("queues", raw)


def _may_succeed_later(error: errors.KubeError) -> bool:
    """Whether the same write may be taken later.

    A conflict is one of others' changes at the same moment: a quota that many creations change at
    once answers so.
    """
    if isinstance(error, errors.AlreadyExists):
        return False
    later = (errors.Unreachable, errors.ServerError, errors.TooManyRequests, errors.Conflict)
    return isinstance(error, later)


def _words(error: errors.KubeError) -> str:
    if isinstance(error, errors.ApiError):
        return error.message or error.reason
    return str(error)


def _retry_pause(attempt: int, error: errors.KubeError) -> float:
    """Seconds until the next try of a write that got no answer; `attempt` counts from 0."""
    pause = RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)]
    asked = getattr(error, "retry_after", None) or 0.0
    return max(pause, min(asked, MAX_RETRY_AFTER_SECONDS))


def _owned_by(job: Json, uid: str) -> bool:
    owners: list[dict[str, Any]] = job["metadata"].get("ownerReferences") or []
    return any(owner.get("uid") == uid for owner in owners)
