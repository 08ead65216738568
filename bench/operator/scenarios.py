"""The scenarios of the operator's benchmark. Each runs in a namespace of its own, on simulated nodes of its own."""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import machine
from operator_lab import GPU, LABEL, Lab, laboratory

from trainyard_kube import Applied, KubeClient, KubeConfig, ListWatch, Synced, paths

PER_NODE = 8
CREATORS = 16


def _session(name: str, command: list[str]) -> dict[str, Any]:
    return {
        "apiVersion": "trainyard.io/v1alpha1",
        "kind": "TrainingSession",
        "metadata": {"name": name},
        "spec": {
            "command": command,
            "resources": {"gpus": 1, "cpu": "100m", "memory": "128Mi"},
            "retry": {"limit": 0},
        },
    }


def _plain_job(name: str, namespace: str) -> dict[str, Any]:
    amounts = {"cpu": "100m", "memory": "128Mi", GPU: "1"}
    container = {
        "name": "c",
        "image": "x",
        "command": ["sleep", "5"],
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


async def _create(kube: KubeClient, path: str, bodies: Iterable[dict[str, Any]]) -> None:
    left = iter(bodies)

    async def creator() -> None:
        for body in left:
            await kube.create(path, body)

    await asyncio.gather(*(creator() for _ in range(CREATORS)))


async def _until_complete(kube: KubeClient, namespace: str, count: int) -> None:
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


async def throughput(kubeconfig: Path, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """a: sessions against plain Jobs."""
    count = options.sessions
    nodes = (PER_NODE,) * max(1, count // 5 // PER_NODE)
    results: dict[str, Any] = {"sessions": count, "slots": len(nodes) * PER_NODE}
    async with KubeClient(KubeConfig.from_file(kubeconfig)) as kube:
        with laboratory(kubeconfig, folder, nodes) as lab:
            assert lab.process is not None
            pids = {**machine.parts(kubeconfig), "operator": lab.process.pid}
            for what in ("plain Jobs", "sessions"):
                meter, before, started = machine.Meter(pids), lab.scrape(), time.monotonic()
                done = asyncio.create_task(_until_complete(kube, lab.namespace, count))
                if what == "sessions":
                    bodies = (_session(f"s-{i}", ["sleep", "5"]) for i in range(count))
                    await _create(kube, paths.sessions(lab.namespace), bodies)
                else:
                    jobs = (_plain_job(f"j-{i}", lab.namespace) for i in range(count))
                    await _create(kube, paths.jobs(lab.namespace), jobs)
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
                if what == "plain Jobs":
                    await _remove_jobs(kube, lab)
            results["operatorPeakMiB"] = machine.peak_mib(lab.process.pid)
    floor = results["plain Jobs"]["makespanSeconds"]
    results["ratio"] = round(results["sessions"]["makespanSeconds"] / floor, 3)
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


class _Gaps:
    """From the end of a pod to the creation of the next Job, as an independent watcher sees both."""

    def __init__(self, kube: KubeClient, namespace: str) -> None:
        self._kube, self._namespace = kube, namespace
        self.gaps: list[float] = []
        self.admitted = 0
        self._freed: list[float] = []
        self._early = 0
        """Jobs whose slot was not yet seen to become free: the two watches are not ordered."""
        self._listed = asyncio.Event()
        self._jobs: set[str] = set()
        self._ended: set[str] = set()

    async def watch_pods(self) -> None:
        await self._listed.wait()
        async for change in ListWatch(self._kube, paths.pods(self._namespace)):
            if isinstance(change, Applied) and change.object["status"].get("phase") == "Succeeded":
                uid = change.object["metadata"]["uid"]
                if uid not in self._ended:
                    self._ended.add(uid)
                    self._free()

    async def watch_jobs(self) -> None:
        async for change in ListWatch(self._kube, paths.jobs(self._namespace)):
            if isinstance(change, Synced):
                self._jobs.update(change.objects)
                self._listed.set()
            elif isinstance(change, Applied) and change.object["metadata"]["uid"] not in self._jobs:
                self._jobs.add(change.object["metadata"]["uid"])
                self.admitted += 1
                if self._freed:
                    self.gaps.append(time.monotonic() - self._freed.pop(0))
                elif self._ended:
                    self._early += 1

    def _free(self) -> None:
        if self._early:
            self._early -= 1
            self.gaps.append(0.0)
        else:
            self._freed.append(time.monotonic())


async def backlog(kubeconfig: Path, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """b and c: few slots, many waiting, and a restart under the largest backlog."""
    results: dict[str, Any] = {"slots": 64}
    async with KubeClient(KubeConfig.from_file(kubeconfig)) as kube:
        with laboratory(kubeconfig, folder, (PER_NODE,) * 8) as lab:
            there = 0
            for waiting in options.waiting:
                # What starts meanwhile must not eat the backlog up.
                wanted = waiting + 64 + round(options.seconds * 64 / 4)
                names = range(there, max(there, wanted))
                bodies = (_session(f"s-{i}", ["sleep", str(3 + i % 4)]) for i in names)
                await _create(kube, paths.sessions(lab.namespace), bodies)
                there = max(there, wanted)
                results[str(waiting)] = await _watch_backlog(kube, lab, options.seconds)
            results["restart"] = _restart(lab)
    return results


async def _watch_backlog(kube: KubeClient, lab: Lab, seconds: float) -> dict[str, Any]:
    assert lab.process is not None
    gaps = _Gaps(kube, lab.namespace)
    tasks = [asyncio.create_task(gaps.watch_pods()), asyncio.create_task(gaps.watch_jobs())]
    before, used = lab.scrape(), []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.sleep(1)
        used.append(lab.scrape()["trainyard_operator_gpus_used"])
    for task in tasks:
        task.cancel()
    after = lab.scrape()
    name = "trainyard_operator_decision_seconds"
    count = after[f"{name}_count"] - before[f"{name}_count"]
    found = sorted(gaps.gaps) or [float("nan")]
    return {
        "waiting": after["trainyard_operator_sessions_waiting"],
        "admissionsPerSecond": round(gaps.admitted / seconds, 2),
        "gapMs": {
            "p50": round(statistics.median(found) * 1000, 1),
            "p99": round(found[min(len(found) - 1, int(len(found) * 0.99))] * 1000, 1),
        },
        "decisionMsMean": round(
            (after[f"{name}_sum"] - before[f"{name}_sum"]) * 1000 / max(1, count), 2
        ),
        "decisionMsMedianAtMost": _median_bucket(before, after, name),
        "slotsBusy": round(sum(used) / len(used) / 64, 3),
        "operatorMiB": machine.rss_mib(lab.process.pid),
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
            bodies = (_session(f"s-{i}", ["sleep", "1"]) for i in range(finished))
            await _create(kube, paths.sessions(lab.namespace), bodies)
            await _until_complete(kube, lab.namespace, finished)
            bodies = (_session(f"r-{i}", ["run"]) for i in range(10))
            await _create(kube, paths.sessions(lab.namespace), bodies)
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
