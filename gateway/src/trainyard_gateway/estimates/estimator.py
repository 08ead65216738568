"""Reads the cluster, not more often than every two seconds, and answers what-ifs."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from trainyard_api.model import FieldError
from trainyard_gateway.errors import Unavailable, Unprocessable
from trainyard_gateway.estimates.answer import Estimate, estimate
from trainyard_gateway.estimates.snapshot import InstallationConfig, Raw, request_for, snapshot_of
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.sessions.request import parse
from trainyard_kube import KubeClient, errors, paths
from trainyard_scheduler.snapshot import Snapshot

FRESH_SECONDS = 2.0


class Estimator:
    """Answers for one namespace."""

    def __init__(
        self, kube: KubeClient, namespace: str, cache: SessionCache, config: InstallationConfig
    ) -> None:
        self._kube, self._namespace, self._cache, self._config = kube, namespace, cache, config
        self._lock = asyncio.Lock()
        self._read: tuple[float, Raw] | None = None

    async def estimate(self, body: dict[str, Any], user: str) -> Estimate:
        """Where the session of this start request would stand. Raises Unprocessable or Unavailable."""
        _, spec = parse(body, None)
        if spec.runtime not in self._config.runtimes:
            known = ", ".join(sorted(self._config.runtimes))
            message = f"there is no runtime {spec.runtime!r}; there are: {known}"
            raise Unprocessable(message, [FieldError("runtime", message)])
        now = time.time()
        raw = await self._raw()
        request = request_for(spec, user, self._config, now)

        def work() -> Estimate:
            cluster: Snapshot = snapshot_of(raw, self._config, now)
            return estimate(cluster, request, now)

        return await asyncio.to_thread(work)

    async def _raw(self) -> Raw:
        async with self._lock:
            if self._read is None or time.monotonic() - self._read[0] > FRESH_SECONDS:
                try:
                    self._read = (time.monotonic(), await self._ask())
                except errors.KubeError as error:
                    raise Unavailable(f"the cluster does not answer: {error}") from error
            raw = self._read[1]
        return Raw(raw.nodes, raw.pods, raw.queues, self._cache.live())

    async def _ask(self) -> Raw:
        alive = "status.phase!=Succeeded,status.phase!=Failed"
        nodes, pods, queues = await asyncio.gather(
            self._kube.list(paths.nodes()),
            self._kube.list(paths.pods(), fieldSelector=alive),
            self._kube.list(paths.queues(self._namespace)),
        )
        return Raw(nodes["items"], pods["items"], queues["items"], ())
