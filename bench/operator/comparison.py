"""k and q: plain Jobs, Trainyard and Kueue in turns, with the same pods, slots, stages and client.

    k  N jobs of 5 s on N/5 slots: makespan, CPU of each process, writes, memory
    q  64 slots under a deep queue: freed slot → next start, slots that hold a pod

Each round runs every arm, in another order; ratios are of one round.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import api_server
import machine
from arms import (
    KUEUE,
    PLAIN,
    Arm,
    JobOfASession,
    arm,
    is_own,
    job_of_a_session,
    pending_writes,
    workloads,
)
from gaps import Gaps
from handing_in import create, until_complete
from kueue_manifests import DEVIATIONS
from kueue_program import VERSION

from trainyard_kube import KubeClient, KubeConfig

SLOTS = 64
SETTLE_SECONDS = 10
TAIL_SECONDS = 10
"""After the last Job: what a controller writes then counts, too."""
PATIENCE_SECONDS = 1800


async def makespan(kubeconfig: Path, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """k: how long all of them take, and what that costs."""
    count = options.sessions

    async def measure(kube: KubeClient, one: Arm) -> dict[str, Any]:
        pids = _pids(kubeconfig, one)
        await machine.calm(pids)
        before, meter, began = api_server.writes(kubeconfig), machine.Meter(pids), time.monotonic()
        done = asyncio.create_task(until_complete(kube, one.lab.namespace, count))
        await create(kube, one.path, (one.body(f"j-{i}", 5) for i in range(count)))
        created = time.monotonic() - began
        await asyncio.wait_for(done, PATIENCE_SECONDS)
        took = time.monotonic() - began
        await asyncio.sleep(TAIL_SECONDS)
        return {
            "makespanSeconds": round(took, 1),
            "createdSeconds": round(created, 1),
            **_cost(one, meter, before, api_server.writes(kubeconfig), count),
        }

    slots = max(1, count // 40) * 8
    return {"count": count, "slots": slots} | await _rounds(
        kubeconfig, folder, options, slots, measure, "makespanSeconds"
    )


async def deep_queue(kubeconfig: Path, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """q: how soon a free slot is taken while more than `--deep` wait."""

    async def measure(kube: KubeClient, one: Arm) -> dict[str, Any]:
        gaps, numbers = Gaps(kube, one.lab.namespace), itertools.count()
        bodies = (one.body(f"q-{i}", 3 + i % 4) for i in numbers)
        making: set[asyncio.Task[Any]] = set()

        def next_job() -> None:
            task = asyncio.create_task(kube.create(one.path, next(bodies)))
            making.add(task)
            task.add_done_callback(making.discard)

        is_plain = one.name == PLAIN
        if not is_plain:
            margin = round((options.seconds + 3 * SETTLE_SECONDS) * SLOTS / 4)
            await _fill(kube, one, bodies, options.deep + margin)
        ended = next_job if is_plain else lambda: None
        watching = [
            asyncio.create_task(gaps.watch_pods(ended)),
            asyncio.create_task(gaps.watch_jobs()),
        ]
        if is_plain:
            for _ in range(SLOTS):
                next_job()
        await asyncio.sleep(SETTLE_SECONDS)
        pids = _pids(kubeconfig, one)
        before, meter = api_server.writes(kubeconfig), machine.Meter(pids)
        gaps.restart(SLOTS)
        await asyncio.sleep(options.seconds)
        found = gaps.found(options.seconds, SLOTS)
        cost = _cost(one, meter, before, api_server.writes(kubeconfig), max(1, gaps.admitted))
        for task in [*watching, *making]:
            task.cancel()
        return {**found, "handedIn": next(numbers) - 1, **cost}

    return {"slots": SLOTS, "waiting": options.deep} | await _rounds(
        kubeconfig, folder, options, SLOTS, measure, "slotsWithPod"
    )


async def _fill(kube: KubeClient, one: Arm, bodies: Iterator[dict[str, Any]], count: int) -> None:
    """Hand `count` in, and wait until its controller has seen each of them."""
    await create(kube, one.path, itertools.islice(bodies, count))
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end and not await _all_seen(kube, one, count):  # noqa: ASYNC110  # of the API server
        await asyncio.sleep(1)
    await asyncio.sleep(SETTLE_SECONDS)


async def _all_seen(kube: KubeClient, one: Arm, count: int) -> bool:
    if one.name == KUEUE:
        page = await kube.get(workloads(one.lab.namespace), limit=1)
        left = int((page["metadata"]).get("remainingItemCount") or 0)
        return len(page["items"]) + left >= count
    return pending_writes(one.lab) < SLOTS


def _pids(kubeconfig: Path, one: Arm) -> dict[str, int]:
    found = machine.parts(kubeconfig)
    return {**found, "controller": one.controller} if one.controller else found


def _cost(
    one: Arm, meter: machine.Meter, before: dict[str, float], after: dict[str, float], count: int
) -> dict[str, Any]:
    """CPU and writes of one job; memory of the controller."""
    used = meter.used()
    grown = {k: (v - before.get(k, 0.0)) / count for k, v in after.items() if v > before.get(k, 0)}
    own = {k: round(v, 2) for k, v in sorted(grown.items()) if is_own(one.name, k) and v >= 0.01}
    return {
        "cpuMsPerJob": {k: round(v * 1000 / count, 1) for k, v in used.items()},
        "machineCpuMsPerJob": round(meter.machine_used() * 1000 / count, 1),
        "controllerPeakMiB": machine.peak_mib(one.controller) if one.controller else None,
        "controllerWritesPerJob": {**own, "all": round(sum(own.values()), 2)},
        "allWritesPerJob": round(sum(grown.values()), 2),
    }


async def _rounds(
    kubeconfig: Path,
    folder: Path,
    options: argparse.Namespace,
    slots: int,
    measure: Any,
    figure: str,
) -> dict[str, Any]:
    """Every arm in every round, and the ratios of one figure by round."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in options.arms}
    async with KubeClient(KubeConfig.from_file(kubeconfig)) as kube:
        job: JobOfASession = await job_of_a_session(kubeconfig, _made(folder, "pattern"), kube)
        for number in range(options.rounds):
            turned = options.arms[number % len(runs) :] + options.arms[: number % len(runs)]
            for name in turned:
                where = _made(folder, f"{number}-{name.replace(' ', '-')}")
                async with arm(name, kube, kubeconfig, where, slots, job) as one:
                    found = await measure(kube, one)
                print(name, found, flush=True)
                runs[name].append(found)
    ratios = {
        f"{name} ÷ {other}": summary(
            [a[figure] / b[figure] for a, b in zip(runs[name], runs[other], strict=True)]
        )
        for name, other in itertools.combinations(runs, 2)
    }
    return {
        "kueue": VERSION,
        "deviations": DEVIATIONS,
        "runs": runs,
        figure: {name: summary([r[figure] for r in found]) for name, found in runs.items()},
        "ratios": ratios,
    }


def summary(values: list[float]) -> dict[str, float]:
    """Median, minimum, maximum."""
    return {
        "median": round(statistics.median(values), 3),
        "min": round(min(values), 3),
        "max": round(max(values), 3),
    }


def _made(folder: Path, name: str) -> Path:
    found = folder / name
    found.mkdir()
    return found
