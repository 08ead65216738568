"""What it costs to list many sessions and to follow their changes."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import tempfile
from pathlib import Path
from typing import Any

from arms import session
from handing_in import create
from watcher import Watcher

from trainyard_kube import KubeClient, KubeConfig, paths

WRITERS = 8
"""Patches at a time."""


async def run(options: argparse.Namespace, namespace: str) -> dict[str, list[dict[str, float]]]:
    """The figures of each round, by arm; the arms take turns."""
    found: dict[str, list[dict[str, float]]] = {arm: [] for arm in options.arms}
    steps = itertools.count(1)
    async with KubeClient(KubeConfig.from_file(options.kubeconfig)) as kube:
        bodies = (session(f"s-{i}", ["sleep", "5"]) for i in range(options.sessions))
        await create(kube, paths.sessions(namespace), bodies)
        for _ in range(options.rounds):
            for arm, rounds in found.items():
                rounds.append(await _measured(options, namespace, kube, arm, steps))
    return found


async def _measured(
    options: argparse.Namespace, namespace: str, kube: KubeClient, arm: str, steps: Any
) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="bench-watching-") as folder:
        log = Path(folder) / "log"
        async with Watcher(arm, namespace, options.kubeconfig, log) as watcher:
            seconds, listed = await watcher.until(
                "figures", lambda a: a["sessions"] >= options.sessions, within=300
            )
            if listed is None or seconds == float("inf"):
                raise SystemExit(f"{arm} does not come to know all: {watcher.said()}")
            # Workers of kopf end five seconds after their last event.
            await asyncio.sleep(8)
            before = await watcher.ask("figures")
            last = await _change(kube, namespace, options, next(steps))
            late, after = await watcher.until("figures", lambda a: a["newest"] >= last, within=120)
            if before is None or after is None or late == float("inf"):
                raise SystemExit(f"{arm} does not see all changes: {watcher.said()}")
            return {
                "listSeconds": round(seconds, 2),
                "listCpuSeconds": round(listed["cpu"], 2),
                "mib": before["mib"],
                "peakMib": after["peakMib"],
                "cpuMsPerChange": round((after["cpu"] - before["cpu"]) * 1000 / options.changes, 3),
                "lateSeconds": round(late, 2),
            }


async def _change(kube: KubeClient, ns: str, options: argparse.Namespace, step: int) -> int:
    """Change so many statuses; the newest version."""
    numbers = iter(range(options.changes))
    newest = 0

    async def writer() -> None:
        nonlocal newest
        for number in numbers:
            path = f"{paths.sessions(ns, f's-{number % options.sessions}')}/status"
            status = {"phase": "Queued", "message": f"waits, look {step}"}
            raw = await kube.merge_patch(path, {"status": status})
            newest = max(newest, int(raw["metadata"]["resourceVersion"]))

    await asyncio.gather(*(writer() for _ in range(WRITERS)))
    return newest
