"""The cluster's objects for estimates, read not more often than every two seconds."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from trainyard_api import names
from trainyard_api.limits.published import read_limits
from trainyard_gateway.errors import Unavailable
from trainyard_gateway.limits.service import Limits
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_kube import Json, KubeClient, errors, paths
from trainyard_scheduler.objects.load import ClusterObjects

MAX_AGE_SECONDS = 2.0
"""Estimates within this time share one set of lists."""
_LIVE = "status.phase!=Succeeded,status.phase!=Failed"


class SnapshotReader:
    """Lists nodes, pods, Jobs and queues; sessions come from the cache, which watches them."""

    def __init__(
        self, kube: KubeClient, namespace: str, cache: SessionCache, limits: Limits
    ) -> None:
        self._kube, self._namespace, self._cache = kube, namespace, cache
        self._limits = limits
        self._lock = asyncio.Lock()
        self._read: tuple[float, ClusterObjects] | None = None

    async def objects(self) -> ClusterObjects:
        """The objects of now or of `MAX_AGE_SECONDS` ago.

        Raises Unavailable if the API server does not answer.
        """
        async with self._lock:
            if self._read is None or time.monotonic() - self._read[0] > MAX_AGE_SECONDS:
                try:
                    self._read = (time.monotonic(), await self._list())
                except errors.KubeError as error:
                    raise Unavailable(f"the cluster does not answer: {error}") from error
            read = self._read[1]
        text = await self._limits.published()
        limits = read_limits(text) if text else None
        return replace(read, sessions=self._cache.live(), limits=limits)

    async def _list(self) -> ClusterObjects:
        nodes, live, ours, jobs, queues = await asyncio.gather(
            self._items(paths.nodes()),
            self._items(paths.pods(), fieldSelector=_LIVE),
            # Ended pods of sessions tell which workers of a Job are still to come.
            self._items(paths.pods(self._namespace), labelSelector=names.LABEL_SESSION_UID),
            self._items(paths.jobs(self._namespace), labelSelector=names.LABEL_SESSION_UID),
            self._items(paths.queues(self._namespace)),
        )
        return ClusterObjects(nodes, [*live, *ours], jobs, queues, ())

    async def _items(self, path: str, **query: str) -> list[Json]:
        listed = await self._kube.list(path, **query)
        items: list[Json] = listed["items"]
        return items
