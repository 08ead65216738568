"""Carries decisions out: a bounded number of writes at a time, the most urgent first, each safe to repeat.

Guarantees:

- Nothing is sent while the Lease is not held.
- A session has at most one write under way; until its outcome is known, the capacity that it takes stays taken.
- A creation whose answer was lost is repeated until the API server says what became of it: a Job of that name that
  belongs to the session is the one that was asked for.
- Status goes only to the very session it was made for, never to one made again under its name. Its resourceVersion sees to
  that: the API server does not compare a UID in a patch of the status subresource (tests/integration/kube asserts it).
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog

from trainyard_api import names
from trainyard_kube import Json, KubeClient, errors, paths
from trainyard_operator.core.decisions import (
    CreateJob,
    DeleteJobs,
    DeleteSession,
    PatchQueue,
    PatchStatus,
    Write,
)
from trainyard_operator.core.world import Assumed, Refusal
from trainyard_operator.events import EventSink
from trainyard_operator.feed import Feed
from trainyard_operator.metrics import Metrics

_log = structlog.stdlib.get_logger(__name__)

WORKERS = 8
RETRY_SECONDS = (1.0, 2.0, 3.0, 5.0)
"""Pauses after the first, second, … write without an answer; the last repeats."""
REFUSED_SECONDS = 30.0
"""How long a session is left alone after the API server refused a write."""

_PRIORITY = {CreateJob: 0, DeleteJobs: 1, PatchStatus: 2, DeleteSession: 3, PatchQueue: 3}


class Writer:
    """A pool of writers over one queue."""

    def __init__(  # noqa: PLR0913  # everything that a write touches, and the seams
        self,
        kube: KubeClient,
        feed: Feed,
        events: EventSink,
        metrics: Metrics,
        may_write: Callable[[], bool],
        changed: Callable[[], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._kube = kube
        self._feed = feed
        self._events = events
        self._metrics = metrics
        self._namespace = feed.site.namespace
        self._may_write = may_write
        self._changed = changed
        self._now = now
        self._queue: asyncio.PriorityQueue[tuple[int, int, Write]] = asyncio.PriorityQueue()
        self._number = itertools.count()

    def submit(self, write: Write) -> None:
        """Take a write over; its session is busy from now on."""
        assumed = None
        if isinstance(write, CreateJob):
            assumed = Assumed(write.attempt, write.nodes, write.shape)
        self._feed.world.begin(write.uid, assumed)
        self._queue.put_nowait((_PRIORITY[type(write)], next(self._number), write))

    async def work(self) -> None:
        """One worker of the pool, without end."""
        while True:
            _, _, write = await self._queue.get()
            await self._carry_out(write)

    async def _carry_out(self, write: Write) -> None:
        for attempt in itertools.count():
            while not self._may_write():  # noqa: ASYNC110  # time alone can make it false, so there is no event
                await asyncio.sleep(0.2)
            try:
                await self._send(write)
            except (errors.Unreachable, errors.ServerError, errors.TooManyRequests) as error:
                self._count(write, "no answer")
                pause = RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)]
                pause = max(pause, min(getattr(error, "retry_after", None) or 0.0, 60.0))
                if not isinstance(write, CreateJob):
                    # What is right may be another thing by then: decide again.
                    self._later(write, pause)
                    return
                if write.uid not in self._feed.world.sessions:
                    break
                await asyncio.sleep(pause)
            except errors.ApiError as error:
                self._count(write, "refused")
                _log.error("the API server refused a write", write=repr(write), error=str(error))
                self._refused(write, error)
                return
            else:
                self._count(write, "ok")
                break
        self._feed.world.done(write.uid)
        self._changed()

    def _refused(self, write: Write, error: errors.ApiError) -> None:
        if not isinstance(write, CreateJob):
            self._later(write, REFUSED_SECONDS)
            return
        message = (
            f"The API server refused to create Job {write.name} ({error.message or error.reason}); "
            f"tried again every {REFUSED_SECONDS:g} s."
        )
        until = self._now() + REFUSED_SECONDS
        self._feed.world.refuse(write.uid, Refusal(until, message[:1024]))
        self._changed()

    def _later(self, write: Write, seconds: float) -> None:
        def release() -> None:
            self._feed.world.done(write.uid)
            self._changed()

        asyncio.get_running_loop().call_later(seconds, release)

    def _count(self, write: Write, outcome: str) -> None:
        self._metrics.writes.labels(type(write).__name__, outcome).inc()

    async def _send(self, write: Write) -> None:
        match write:
            case CreateJob():
                await self._create_job(write)
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
            try:
                await self._kube.create(paths.services(self._namespace), write.service)
                self._metrics.writes.labels("CreateService", "ok").inc()
            except errors.AlreadyExists:
                pass
        try:
            job = await self._kube.create(paths.jobs(self._namespace), write.job)
        except errors.AlreadyExists:
            job = await self._kube.get(paths.jobs(self._namespace, write.name))
            if not _owned_by(job, write.uid):
                # Somebody else's: neither adopted nor removed. The session says so.
                raise
        self._feed.absorb("jobs", job)
        self._metrics.admissions.inc()
        session = self._feed.world.sessions.get(write.uid)
        if session is not None and session.seen.queued is not None:
            self._metrics.wait.observe(max(0.0, self._now() - session.seen.queued))

    async def _patch_status(self, write: PatchStatus) -> None:
        version = self._feed.kinds["sessions"].version(write.uid)
        if version is None:
            return
        path = paths.sessions(self._namespace, write.name)
        body = {"metadata": {"resourceVersion": str(version)}, **write.patch}
        try:
            raw = await self._kube.merge_patch(
                paths.status(path), body, names.OPERATOR_FIELD_MANAGER
            )
        except errors.NotFound:
            return
        except errors.Conflict:
            # Somebody was faster. What is right now is decided again, from what is there now.
            self._metrics.conflicts.inc()
            with suppress(errors.NotFound):
                self._feed.absorb("sessions", await self._kube.get(path))
            return
        self._feed.absorb("sessions", raw)
        if write.note is not None:
            self._events.offer(write.uid, write.name, write.note)

    async def _delete_jobs(self, write: DeleteJobs) -> None:
        for name, uid in write.jobs:
            with suppress(errors.NotFound, errors.Conflict):
                await self._kube.delete(paths.jobs(self._namespace, name), uid=uid)
            self._feed.vanished("jobs", uid)

    async def _delete_session(self, write: DeleteSession) -> None:
        with suppress(errors.NotFound, errors.Conflict):
            await self._kube.delete(paths.sessions(self._namespace, write.name), uid=write.uid)
        self._feed.vanished("sessions", write.uid)

    async def _patch_queue(self, write: PatchQueue) -> None:
        path = paths.status(paths.queues(self._namespace, write.name))
        try:
            raw = await self._kube.merge_patch(path, write.patch, names.OPERATOR_FIELD_MANAGER)
        except errors.NotFound:
            return
        self._feed.absorb("queues", raw)


def _owned_by(job: Json, uid: str) -> bool:
    owners: list[dict[str, Any]] = job["metadata"].get("ownerReferences") or []
    return any(owner.get("uid") == uid for owner in owners)
