"""Hand many objects in at once, and wait until that many Jobs are over."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from trainyard_kube import Applied, KubeClient, ListWatch, Synced, paths

CREATORS = 16
"""Requests at a time."""


async def create(kube: KubeClient, path: str, bodies: Iterable[dict[str, Any]]) -> None:
    """Create all of them, CREATORS at a time."""
    left = iter(bodies)

    async def creator() -> None:
        for body in left:
            await kube.create(path, body)

    await asyncio.gather(*(creator() for _ in range(CREATORS)))


async def until_complete(kube: KubeClient, namespace: str, count: int) -> None:
    """Until `count` Jobs of the namespace are over."""
    over: set[str] = set()

    def look(job: dict[str, Any]) -> None:
        conditions = (job.get("status") or {}).get("conditions") or ()
        if any(c["type"] in ("Complete", "Failed") and c["status"] == "True" for c in conditions):
            over.add(job["metadata"]["uid"])

    async for change in ListWatch(kube, paths.jobs(namespace)):
        if isinstance(change, Synced):
            for job in change.objects.values():
                look(job)
        elif isinstance(change, Applied):
            look(change.object)
        if len(over) >= count:
            return
