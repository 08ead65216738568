"""The scenarios of the operator's benchmark. Each runs in a separate namespace, on separate simulated nodes."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import machine
from arms import PER_NODE, job_of_a_session, pending_writes, session
from gaps import Gaps
from handing_in import create, until_complete
from operator_lab import GPU, LABEL, Lab, laboratory

from trainyard_kube import KubeClient, KubeConfig, paths

SETTLE_SECONDS = 10
"""Before anything is measured."""


def _plain_job(name: str, namespace: str, seconds: int = 5) -> dict[str, Any]:
    amounts = {"cpu": "100m", "memory": "128Mi", GPU: "1"}
    container = {
        "name": "c",
        "image": "x",
        "command": ["sleep", str(seconds)],
        "resources": {"requests": amounts, "limits": amounts},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    pod = {
        "restartPolicy": "Never",
        "nodeSelector": {LABEL: namespace},
        "tolerations": [{"key": "kwok.x-k8s.io/node", "operator": "Exists"}],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
    }
    return {"metadata": {"name": name}, "spec": {"backoffLimit": 0, "template": {"spec": pod}}}


async def throughput(kubeconfig: Path, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """a: sessions against plain Jobs, small ones and ones whose pods are those of sessions."""
    count = options.sessions
    nodes = (PER_NODE,) * max(1, count // 5 // PER_NODE)
    results: dict[str, Any] = {"count": count, "slots": len(nodes) * PER_NODE}
    async with KubeClient(KubeConfig.from_file(kubeconfig)) as kube:
        alike = await job_of_a_session(kubeconfig, folder, kube)
        with laboratory(kubeconfig, folder, nodes) as lab:
            assert lab.process is not None
            pids = {**machine.parts(kubeconfig), "operator": lab.process.pid}
            for what in ("plain Jobs", "plain Jobs with the pods of sessions", "sessions"):
                meter, before, started = machine.Meter(pids), lab.scrape(), time.monotonic()
                done = asyncio.create_task(until_complete(kube, lab.namespace, count))
                if what == "sessions":
                    bodies = (session(f"s-{i}", ["sleep", "5"]) for i in range(count))
                    await create(kube, paths.sessions(lab.namespace), bodies)
                else:
                    small = what == "plain Jobs"
                    jobs = (
                        _plain_job(f"j-{i}", lab.namespace)
                        if small
                        else alike(f"a-{i}", lab.namespace, 5)
                        for i in range(count)
                    )
                    await create(kube, paths.jobs(lab.namespace), jobs)
                created = time.monotonic() - started
                await done
                results[what] = {
                    "createdSeconds": round(created, 1),
                    "makespanSeconds": round(time.monotonic() - started, 1),
                    "cpuMsPerSession": {
                        k: round(v * 1000 / count, 1) for k, v in meter.used().items()
                    },
                    "writesPerSession": _writes(before, lab.scrape(), count),
                }
                print(what, json.dumps(results[what]), flush=True)
                if what != "sessions":
                    await _remove_jobs(kube, lab)
            results["operatorPeakMiB"] = machine.peak_mib(lab.process.pid)
    spent = results["sessions"]["makespanSeconds"]
    results["ratio"] = round(spent / results["plain Jobs"]["makespanSeconds"], 3)
    alikes = results["plain Jobs with the pods of sessions"]["makespanSeconds"]
    results["ratioToTheSamePods"] = round(spent / alikes, 3)
    return results


def _writes(before: dict[str, float], after: dict[str, float], count: int) -> dict[str, float]:
    """Our own writes per session, by kind and all together."""
    grown = {
        key.split('kind="')[1].split('"')[0]: after[key] - before.get(key, 0.0)
        for key in after
        if key.startswith("trainyard_operator_api_writes_total") and after[key]
    }
    return {k: round(v / count, 2) for k, v in {**grown, "all": sum(grown.values())}.items()}


async def _remove_jobs(kube: KubeClient, lab: Lab) -> None:
    await kube.delete(paths.jobs(lab.namespace))
    while (await kube.list(paths.pods(lab.namespace)))["items"]:  # noqa: ASYNC110  # of the API server
        await asyncio.sleep(0.5)


SLOTS = 64


async def backlog(kubeconfig: Path, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """b and c: few slots, many waiting, and a restart under the largest backlog."""
    results: dict[str, Any] = {"slots": SLOTS}
    async with KubeClient(KubeConfig.from_file(kubeconfig)) as kube:
        with laboratory(kubeconfig, folder, (PER_NODE,) * (SLOTS // PER_NODE)) as lab:
            results["floor"] = await _floor(kube, lab, options.seconds)
            print("floor", json.dumps(results["floor"]), flush=True)
            numbers = itertools.count()
            for waiting in options.waiting:
                # What starts meanwhile must not eat the backlog up.
                margin = round((options.seconds + SETTLE_SECONDS) * SLOTS / 4)
                await _fill(kube, lab, numbers, waiting + margin)
                results[str(waiting)] = await _watch_backlog(kube, lab, options.seconds)
                print(waiting, json.dumps(results[str(waiting)]), flush=True)
            results["restart"] = _restart(lab)
    return results


async def _floor(kube: KubeClient, lab: Lab, seconds: float) -> dict[str, Any]:
    """What this control plane gives: a bare client makes the next plain Job as soon as a pod ends, and writes nothing else."""
    gaps, numbers = Gaps(kube, lab.namespace), itertools.count()
    making: set[asyncio.Task[Any]] = set()

    def make() -> None:
        i = next(numbers)
        job = _plain_job(f"f-{i}", lab.namespace, 3 + i % 4)
        task = asyncio.create_task(kube.create(paths.jobs(lab.namespace), job))
        making.add(task)
        task.add_done_callback(making.discard)

    tasks = [asyncio.create_task(gaps.watch_pods(make)), asyncio.create_task(gaps.watch_jobs())]
    for _ in range(SLOTS):
        make()
    await asyncio.sleep(SETTLE_SECONDS)
    gaps.restart(SLOTS)
    await asyncio.sleep(seconds)
    found = gaps.found(seconds, SLOTS)
    for task in [*tasks, *making]:
        task.cancel()
    await _remove_jobs(kube, lab)
    return found


async def _fill(
    kube: KubeClient, lab: Lab, numbers: Iterator[int], waiting: int, patience: int = 10
) -> None:
    """Hand in sessions until that many wait once nothing is left of the burst."""
    for _ in range(patience):
        missing = waiting - int(lab.scrape()["trainyard_operator_sessions_waiting"])
        if missing <= 0:
            return
        # More start while their positions are written.
        names = itertools.islice(numbers, missing + 5 * SLOTS)
        bodies = (session(f"s-{i}", ["sleep", str(3 + i % 4)]) for i in names)
        await create(kube, paths.sessions(lab.namespace), bodies)
        await _until_told(lab)
    raise SystemExit(
        f"fewer than {waiting} sessions wait; they start faster than they can be handed in"
    )


async def _until_told(lab: Lab) -> None:
    """Until nothing is left of the burst of new sessions but the daily business, or two minutes are over."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if pending_writes(lab) < SLOTS:
            break
        await asyncio.sleep(1)
    await asyncio.sleep(SETTLE_SECONDS)


async def _watch_backlog(kube: KubeClient, lab: Lab, seconds: float) -> dict[str, Any]:
    assert lab.process is not None
    gaps = Gaps(kube, lab.namespace)
    tasks = [asyncio.create_task(gaps.watch_pods()), asyncio.create_task(gaps.watch_jobs())]
    await asyncio.sleep(SETTLE_SECONDS)
    gaps.restart(SLOTS)
    before, used = lab.scrape(), []
    meter = machine.Meter({"operator": lab.process.pid})
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.sleep(1)
        used.append(lab.scrape()["trainyard_operator_gpus_used"])
    found = gaps.found(seconds, SLOTS)
    for task in tasks:
        task.cancel()
    after = lab.scrape()
    return {
        "waiting": after["trainyard_operator_sessions_waiting"],
        **found,
        "slotsHeld": round(sum(used) / len(used) / SLOTS, 3),
        "decisionMs": _times(before, after, "trainyard_operator_decision_seconds"),
        "surveyMs": _times(before, after, "trainyard_operator_queue_status_seconds"),
        "writesPerAdmission": _writes(before, after, max(1, gaps.admitted)),
        "operatorCpuPercent": round(meter.used()["operator"] / seconds * 100, 1),
        "operatorMiB": machine.rss_mib(lab.process.pid),
    }


def _times(before: dict[str, float], after: dict[str, float], name: str) -> dict[str, float]:
    count = after[f"{name}_count"] - before[f"{name}_count"]
    spent = after[f"{name}_sum"] - before[f"{name}_sum"]
    return {
        "count": count,
        "mean": round(spent * 1000 / max(1, count), 2),
        "medianAtMost": _median_bucket(before, after, name),
    }


def _median_bucket(before: dict[str, float], after: dict[str, float], name: str) -> float:
    buckets = [
        (float(key.split('le="')[1].rstrip('"}')), after[key] - before.get(key, 0.0))
        for key in after
        if key.startswith(f"{name}_bucket")
    ]
    half = max(count for _, count in buckets) / 2
    return next(limit for limit, count in sorted(buckets) if count >= half) * 1000


def _restart(lab: Lab) -> dict[str, Any]:
    lab.kill()
    jobs = len(lab.jobs())
    started = time.monotonic()
    lab.start()
    ready = time.monotonic() - started
    while len(lab.jobs()) <= jobs:
        time.sleep(0.2)
    assert lab.process is not None
    return {
        "readySeconds": round(ready, 1),
        "firstJobSeconds": round(time.monotonic() - started, 1),
        "operatorPeakMiB": machine.peak_mib(lab.process.pid),
    }


async def idle(kubeconfig: Path, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """d: finished sessions, ten running ones, nothing to do."""
    finished = min(1000, options.sessions)
    async with KubeClient(KubeConfig.from_file(kubeconfig)) as kube:
        with laboratory(kubeconfig, folder, (PER_NODE,) * 32) as lab:
            bodies = (session(f"s-{i}", ["sleep", "1"]) for i in range(finished))
            await create(kube, paths.sessions(lab.namespace), bodies)
            await until_complete(kube, lab.namespace, finished)
            bodies = (session(f"r-{i}", ["run"]) for i in range(10))
            await create(kube, paths.sessions(lab.namespace), bodies)
            lab.wait_phase("r-9", "Running")
            await asyncio.sleep(15)
            assert lab.process is not None
            meter = machine.Meter({"operator": lab.process.pid})
            before = lab.writes()
            await asyncio.sleep(options.seconds)
            return {
                "finished": finished,
                "running": 10,
                "seconds": options.seconds,
                "writes": lab.writes() - before,
                "cpuPercent": round(meter.used()["operator"] / options.seconds * 100, 2),
                "operatorMiB": machine.rss_mib(lab.process.pid),
            }
