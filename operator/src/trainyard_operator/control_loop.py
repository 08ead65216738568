"""The one loop: wait for news, decide, hand the writes over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from trainyard_operator.core.actions import Decisions
from trainyard_operator.core.cache import DecisionCache
from trainyard_operator.core.decide import decide
from trainyard_operator.informer import Informer
from trainyard_operator.metrics import Metrics
from trainyard_operator.writer import Writer
from trainyard_scheduler.objects.installation import InstallationConfig

_log = structlog.stdlib.get_logger(__name__)

GATHER_SECONDS = 0.01
"""Changes that come this close together are decided upon at once."""
SAFETY_SECONDS = 30.0
"""Look at everything at least this often, whether or not anything was heard."""
SURVEY_SECONDS = 0.25
"""While waiting sessions have to be told something, places are looked at at most this often…"""
QUIET_SURVEY_SECONDS = 1.0
"""… this often otherwise…"""
SURVEY_SHARE = 50
"""… and a survey takes at most one part in this many of the time."""


class ControlLoop:
    """Decides whenever something changed."""

    def __init__(
        self,
        informer: Informer,
        config: InstallationConfig,
        metrics: Metrics,
        may_write: Callable[[], bool],
        *,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._informer = informer
        self._config = config
        self._metrics = metrics
        self._may_write = may_write
        self._now = now
        self._clock = clock
        self._news = asyncio.Event()
        self._cache = DecisionCache.empty(config)
        self._surveyed = float("-inf")
        self._survey_pause = 0.0
        self.last_iteration = clock()
        """When the loop last went round."""

    def changed(self) -> None:
        """Something happened."""
        self._news.set()

    async def run(self, writer: Writer) -> None:
        """Decide, without end."""
        pause = SAFETY_SECONDS
        while True:
            await self._wait(pause)
            self.last_iteration = self._clock()
            if not self._informer.synced or not self._may_write():
                pause = SAFETY_SECONDS if not self._informer.synced else 0.2
                continue
            decisions = self._decide(writer)
            for write in decisions.writes:
                writer.submit(write)
            pause = self._pause(decisions)

    async def _wait(self, pause: float) -> None:
        try:
            async with asyncio.timeout(pause):
                await self._news.wait()
        except TimeoutError:
            return
        await asyncio.sleep(GATHER_SECONDS)
        self._news.clear()

    def _decide(self, writer: Writer) -> Decisions:
        state, started = self._informer.state, self._clock()
        for uid in state.touched:
            self._cache.forget(uid)
            writer.withdraw(uid)
        state.touched.clear()
        survey = started - self._surveyed >= self._survey_pause
        news = writer.room_for_informational() if survey else 0
        decisions = decide(state, self._now(), self._config, self._cache, news=news)
        took = self._clock() - started
        if news:
            self._surveyed = started
            least = SURVEY_SECONDS if decisions.unpublished else QUIET_SURVEY_SECONDS
            self._survey_pause = max(least, took * SURVEY_SHARE)
            self._metrics.survey.observe(took)
        else:
            self._metrics.decision.observe(took)
        self._metrics.waiting.set(decisions.waiting)
        self._metrics.allocation.set(decisions.allocation)
        self._metrics.gpus_used.set(decisions.gpus_used)
        self._metrics.gpus_capacity.set(decisions.gpus_capacity)
        self._metrics.preemptions.inc(decisions.preempted)
        return decisions

    def _pause(self, decisions: Decisions) -> float:
        due = [SAFETY_SECONDS]
        if decisions.wake is not None:
            due.append(decisions.wake - self._now())
        if decisions.waiting:
            due.append(max(SURVEY_SECONDS, self._surveyed + self._survey_pause - self._clock()))
        return max(GATHER_SECONDS, min(due))
