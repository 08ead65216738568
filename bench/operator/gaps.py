"""What an independent watcher sees of slots: how long each stays empty, and how many hold a pod."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from trainyard_kube import Applied, KubeClient, ListWatch, Synced, paths


class Gaps:
    """From the end of a pod to the start of the next Job, and how many slots hold a pod."""

    def __init__(self, kube: KubeClient, namespace: str) -> None:
        self._kube, self._namespace = kube, namespace
        self.gaps: list[float] = []
        self.admitted = 0
        self._freed: deque[float] = deque()
        self._early = 0
        """Jobs whose slot was not yet seen to become free: the two watches are not ordered."""
        self._listed = asyncio.Event()
        self._jobs: set[str] = set()
        self._ended: set[str] = set()
        self._bound: set[str] = set()
        self._since = time.monotonic()
        self._held = 0.0
        """Pod-seconds until `_since`."""

    async def watch_pods(self, ended: Callable[[], None] = lambda: None) -> None:
        """Follow the pods; `ended` is called for every one that ends from now on."""
        await self._listed.wait()
        async for change in ListWatch(self._kube, paths.pods(self._namespace)):
            if isinstance(change, Synced):
                for pod in change.objects.values():
                    if not self._hold(pod):
                        self._ended.add(pod["metadata"]["uid"])
            elif isinstance(change, Applied) and not self._hold(change.object):
                uid = change.object["metadata"]["uid"]
                if uid not in self._ended:
                    self._ended.add(uid)
                    self._free()
                    ended()

    async def watch_jobs(self) -> None:
        """Follow the Jobs: each counts once it is there and not suspended."""
        async for change in ListWatch(self._kube, paths.jobs(self._namespace)):
            if isinstance(change, Synced):
                self._jobs.update(u for u, job in change.objects.items() if not _is_suspended(job))
                self._listed.set()
            elif (
                isinstance(change, Applied)
                and not _is_suspended(change.object)
                and change.object["metadata"]["uid"] not in self._jobs
            ):
                self._jobs.add(change.object["metadata"]["uid"])
                self.admitted += 1
                if self._freed:
                    self.gaps.append(time.monotonic() - self._freed.popleft())
                elif self._ended:
                    self._early += 1

    def found(self, seconds: float, slots: int) -> dict[str, Any]:
        """The figures after `seconds` of watching."""
        gaps = sorted(self.gaps) or [float("nan")]
        return {
            "admissionsPerSecond": round(self.admitted / seconds, 2),
            "gapMs": {
                "p50": round(statistics.median(gaps) * 1000, 1),
                "p99": round(gaps[min(len(gaps) - 1, int(len(gaps) * 0.99))] * 1000, 1),
            },
            "slotsWithPod": round(self._pod_seconds() / seconds / slots, 3),
        }

    def restart(self, slots: int) -> None:
        """Count from now on. Slots that are free already count as freed now, since what comes next goes there."""
        now = time.monotonic()
        self.gaps, self.admitted, self._held, self._since = [], 0, 0.0, now
        free = slots - (len(self._jobs) - len(self._ended))
        self._freed, self._early = deque([now] * max(0, free)), max(0, -free)

    def _hold(self, pod: dict[str, Any]) -> bool:
        """Note whether a pod holds its slot; False when it has ended."""
        uid, over = pod["metadata"]["uid"], pod["status"].get("phase") in ("Succeeded", "Failed")
        self._held, self._since = self._pod_seconds(), time.monotonic()
        if over:
            self._bound.discard(uid)
        elif pod["spec"].get("nodeName"):
            self._bound.add(uid)
        return not over

    def _pod_seconds(self) -> float:
        return self._held + len(self._bound) * (time.monotonic() - self._since)

    def _free(self) -> None:
        if self._early:
            self._early -= 1
            self.gaps.append(0.0)
        else:
            self._freed.append(time.monotonic())


def _is_suspended(job: dict[str, Any]) -> bool:
    return bool(job["spec"].get("suspend"))
