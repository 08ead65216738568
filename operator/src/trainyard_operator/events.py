"""Kubernetes Events: best effort, in the background, at a bounded rate.

Events are for people who look at one session. In a burst of hundreds they would cost the API server
more than the scheduling itself. Events beyond the rate are dropped and counted; the status is
always complete.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Callable

import structlog

from trainyard_api import names, timestamps
from trainyard_api.phase import EventReason
from trainyard_kube import Json, KubeClient, errors, paths
from trainyard_operator.core.actions import Event
from trainyard_operator.metrics import Metrics

_log = structlog.stdlib.get_logger(__name__)

BURST = 50
PER_SECOND = 2.0
"""Events in the long run; a burst of `BURST` is sent at once."""
RESERVED_FOR_WARNINGS = 10
"""This part of the burst is reserved for failures, retries and preemptions."""


NOTE_BYTES = 1000
"""The API server takes up to 1024."""


class EventSink:
    """Writes Events about sessions."""

    def __init__(  # noqa: PLR0913  # what Events are written with, and the clocks
        self,
        kube: KubeClient,
        namespace: str,
        instance: str,
        metrics: Metrics,
        may_write: Callable[[], bool],
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`instance` names this operator in Events.

        `now` gives seconds since the epoch, `clock` monotonic seconds.
        """
        self._kube = kube
        self._namespace = namespace
        self._instance = instance
        self._metrics = metrics
        self._may_write = may_write
        self._now = now
        self._clock = clock
        self._tokens = float(BURST)
        self._filled = clock()
        self._waiting: deque[Json] = deque()
        self._wake = asyncio.Event()

    def offer(self, uid: str, name: str, event: Event) -> None:
        """Write an Event soon, unless the rate is exceeded."""
        now = self._clock()
        self._tokens = min(float(BURST), self._tokens + (now - self._filled) * PER_SECOND)
        self._filled = now
        important = event.warning or event.reason == EventReason.PREEMPTED
        if self._tokens < (1 if important else 1 + RESERVED_FOR_WARNINGS):
            self._metrics.events_dropped.inc()
            return
        self._tokens -= 1
        self._waiting.append(self._event(uid, name, event))
        self._wake.set()

    async def work(self) -> None:
        """Write the offered Events. Never returns."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._write(self._waiting.popleft())

    async def _write(self, event: Json) -> None:
        if not self._may_write():
            return
        try:
            await self._kube.create(paths.events(self._namespace), event)
            self._metrics.writes.labels("Event", "ok").inc()
        except errors.KubeError as error:
            self._metrics.writes.labels("Event", "refused").inc()
            _log.debug("an Event was not written", error=str(error))

    def _event(self, uid: str, name: str, event: Event) -> Json:
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {
                "name": f"{name}.{uuid.uuid4().hex[:16]}",
                "namespace": self._namespace,
            },
            "eventTime": timestamps.to_micros_text(self._now()),
            "reportingController": f"{names.GROUP}/operator",
            "reportingInstance": self._instance[:128],
            "action": event.reason.value,
            "reason": event.reason.value,
            "type": "Warning" if event.warning else "Normal",
            "note": _note(event.message),
            "regarding": {
                "apiVersion": names.API_VERSION,
                "kind": names.SESSION_KIND,
                "namespace": self._namespace,
                "name": name,
                "uid": uid,
            },
        }


def _note(message: str) -> str:
    """A message within the API server's limit, which counts bytes."""
    return message.encode()[:NOTE_BYTES].decode(errors="ignore")
