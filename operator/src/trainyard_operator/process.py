"""The running operator: creates, starts and stops its parts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from trainyard_api.limits.published import PublishedLimits
from trainyard_kube import KubeClient, KubeConfig
from trainyard_operator.control_loop import ControlLoop
from trainyard_operator.events import EventSink
from trainyard_operator.first_objects import FirstObjects, first_objects
from trainyard_operator.health import HealthServer
from trainyard_operator.informer import Informer
from trainyard_operator.leases.gateway_watch import GatewayWatch
from trainyard_operator.leases.leader_election import LeaderElector
from trainyard_operator.metrics import Metrics
from trainyard_operator.settings import Settings
from trainyard_operator.writer import WORKERS, Writer

_log = structlog.stdlib.get_logger(__name__)

STUCK_SECONDS = 90.0
"""A control loop without an iteration for this long is stuck."""


class Operator:
    """Everything that runs between start-up and clean-up."""

    def __init__(self, settings: Settings, kube_config: KubeConfig) -> None:
        self.settings = settings
        self._kube = KubeClient(kube_config, user_agent="trainyard-operator")
        self._metrics = Metrics()
        self._servers = HealthServer()
        self._tasks: list[asyncio.Task[None]] = []
        config = settings.config()
        self._informer = Informer(self._kube, config, self._changed)
        self._elector = LeaderElector(
            self._kube,
            settings.namespace,
            f"{settings.release}-operator",
            settings.identity,
            seconds=settings.lease_seconds,
        )
        self._gateway = GatewayWatch(
            self._kube, settings.namespace, settings.release, on_limits=self._limit
        )
        self._control_loop = ControlLoop(
            self._informer, config, self._metrics, self._may_decide, self._gateway.life
        )
        self._events = EventSink(
            self._kube, settings.namespace, settings.identity, self._metrics, self._may_write
        )
        self._first = FirstObjects(self._kube, first_objects(settings), self._may_write)
        self._writer = Writer(
            self._kube, self._informer, self._events, self._metrics, self._may_write, self._changed
        )

    async def start(self, failed: Callable[[BaseException], None]) -> None:
        """Start everything. `failed` is called with the error of a task that must never end."""
        settings = self.settings
        await self._kube.__aenter__()
        await self._servers.start_health(settings.health_port, self._unhealthy, self._unready)
        await self._servers.start_metrics(
            settings.metrics_port, self._metrics.registry, self._refresh_metrics
        )
        _log.info("listening", ports=self._servers.ports)
        for kind in self._informer.watches:
            self._spawn(self._informer.follow(kind), failed)
        for lane, workers in WORKERS.items():
            for _ in range(workers):
                self._spawn(self._writer.work(lane), failed)
        self._spawn(self._events.work(), failed)
        self._spawn(self._elector.hold(self._changed), failed)
        self._spawn(self._gateway.follow(), failed)
        self._spawn(self._control_loop.run(self._writer), failed)
        self._spawn(self._first.keep(), failed)

    async def stop(self) -> None:
        """Cancel all tasks, release the Lease, close servers and connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._elector.release()
        await self._servers.stop()
        await self._kube.__aexit__(None, None, None)

    def _spawn(
        self, work: Coroutine[Any, Any, None], failed: Callable[[BaseException], None]
    ) -> None:
        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (error := task.exception()) is not None:
                failed(error)

        task = asyncio.create_task(work)
        task.add_done_callback(ended)
        self._tasks.append(task)

    def _changed(self) -> None:
        self._control_loop.changed()

    def _may_write(self) -> bool:
        return self._elector.valid

    def _may_decide(self) -> bool:
        """No session starts before the limits are known."""
        return self._may_write() and self._gateway.looked

    def _limit(self, limits: PublishedLimits) -> None:
        self._informer.state.limits = limits
        self._changed()

    def _unhealthy(self) -> list[str]:
        problems = [f"the watch of {kind} is silent" for kind in self._informer.silent()]
        if time.monotonic() - self._control_loop.last_iteration > STUCK_SECONDS:
            problems.append("the control loop is stuck")
        return problems

    def _unready(self) -> list[str]:
        problems = self._unhealthy()
        if not self._informer.synced:
            problems.append("not everything is listed yet")
        if self._informer.stale:
            problems.append("the API server does not answer")
        return problems

    def _refresh_metrics(self) -> None:
        for kind, age in self._informer.ages().items():
            self._metrics.watch_age.labels(kind).set(age)
        for lane, count in self._writer.backlog().items():
            self._metrics.writes_pending.labels(lane.name.lower()).set(count)
        state = self._informer.state
        unparsable = len(self._informer.unparsable) + len(state.invalid_sessions)
        self._metrics.unparsable.set(unparsable)
