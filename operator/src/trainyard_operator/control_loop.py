"""The control loop: wait for a change, decide, hand the writes to the writer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from trainyard_operator.core.actions import Decisions
from trainyard_operator.core.attempts.gateway_life import GatewayLife
from trainyard_operator.core.cache import DecisionCache
from trainyard_operator.core.config import OperatorConfig
from trainyard_operator.core.decide import decide
from trainyard_operator.informer import Informer
from trainyard_operator.metrics import Metrics
from trainyard_operator.writer import Writer

_log = structlog.stdlib.get_logger(__name__)

BATCH_SECONDS = 0.01
"""Changes that come this close together are decided upon at once."""
RESYNC_SECONDS = 30.0
"""Decide at least this often, whether or not any event came."""
STATUS_SECONDS = 0.25
"""While statuses are unpublished, positions are computed at most this often…"""
QUIET_STATUS_SECONDS = 1.0
"""… at most this often otherwise…"""
STATUS_SHARE = 50
"""… and they take at most one part in this many of the time."""


class ControlLoop:
    """Decides whenever something changed."""

    def __init__(  # noqa: PLR0913  # what it reads, what it needs to know, and the clocks
        self,
        informer: Informer,
        config: OperatorConfig,
        metrics: Metrics,
        may_write: Callable[[], bool],
        gateway: Callable[[float], GatewayLife | None],
        *,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now` gives seconds since the epoch, `clock` monotonic seconds.

        `gateway` says what was seen of the gateway's life by a time in seconds since the epoch.
        """
        self._informer = informer
        self._config = config
        self._metrics = metrics
        self._may_write = may_write
        self._gateway = gateway
        self._now = now
        self._clock = clock
        self._change = asyncio.Event()
        self._cache = DecisionCache.create(config.installation)
        self._published = float("-inf")
        self._publish_pause = 0.0
        self.last_iteration = clock()
        """When the loop last ran, in monotonic seconds."""

    def changed(self) -> None:
        """Decide soon: something changed."""
        self._change.set()

    async def run(self, writer: Writer) -> None:
        """Decide whenever something changed. Never returns."""
        pause = RESYNC_SECONDS
        while True:
            await self._wait(pause)
            self.last_iteration = self._clock()
            if not self._informer.synced or not self._may_write():
                pause = RESYNC_SECONDS if not self._informer.synced else 0.2
                continue
            decisions = self._decide(writer)
            for write in decisions.writes:
                writer.submit(write)
            pause = self._pause(decisions)

    async def _wait(self, pause: float) -> None:
        try:
            async with asyncio.timeout(pause):
                await self._change.wait()
        except TimeoutError:
            return
        await asyncio.sleep(BATCH_SECONDS)
        self._change.clear()

    def _decide(self, writer: Writer) -> Decisions:
        state, started = self._informer.state, self._clock()
        for uid in state.touched:
            self._cache.forget(uid)
            writer.withdraw(uid)
        state.touched.clear()
        due = started - self._published >= self._publish_pause
        updates = writer.room_for_status_updates() if due else 0
        now = self._now()
        decisions = decide(
            state,
            now,
            self._config,
            self._cache,
            gateway=self._gateway(now),
            status_updates=updates,
        )
        took = self._clock() - started
        if updates:
            self._published = started
            least = STATUS_SECONDS if decisions.unpublished else QUIET_STATUS_SECONDS
            self._publish_pause = max(least, took * STATUS_SHARE)
        self._metrics.decided(decisions, took, with_positions=updates > 0)
        for name, error in decisions.undecided:
            _log.error("cannot decide about a session", session=name, error=error)
        return decisions

    def _pause(self, decisions: Decisions) -> float:
        due = [RESYNC_SECONDS]
        if decisions.wake is not None:
            due.append(decisions.wake - self._now())
        if decisions.waiting:
            due.append(max(STATUS_SECONDS, self._published + self._publish_pause - self._clock()))
        return max(BATCH_SECONDS, min(due))
