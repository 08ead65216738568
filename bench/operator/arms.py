"""What hands jobs in: plain Jobs, Trainyard's sessions, or Jobs of a queue of Kueue; the same pods."""

from __future__ import annotations

import asyncio
import json
import urllib.parse
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

from cluster import fresh_namespace
from kueue import Kueue
from kueue_manifests import VERSION
from operator_lab import Lab

from trainyard_kube import KubeClient, paths
from trainyard_kube.errors import NotFound

PER_NODE = 8
PLAIN, TRAINYARD, KUEUE = "plain Jobs", "Trainyard", "Kueue"
NAMES = (PLAIN, TRAINYARD, KUEUE)

JobOfASession = Callable[[str, str, int], dict[str, Any]]
"""(name, namespace, seconds) -> a Job such as the operator makes, without an owner."""


class Arm:
    """A namespace with nodes, and what starts Jobs there."""

    def __init__(self, name: str, lab: Lab, kueue: Kueue | None, job: JobOfASession) -> None:
        self.name, self.lab, self._kueue, self._job = name, lab, kueue, job

    @property
    def controller(self) -> int | None:
        """The PID of the operator or of Kueue."""
        process = self._kueue.process if self._kueue else self.lab.process
        return process.pid if process else None

    @property
    def path(self) -> str:
        """Where its jobs are created."""
        kind = paths.sessions if self.name == TRAINYARD else paths.jobs
        return kind(self.lab.namespace)

    def body(self, name: str, seconds: int) -> dict[str, Any]:
        """A job of one GPU that runs so long."""
        if self.name == TRAINYARD:
            return session(name, ["sleep", str(seconds)])
        job = self._job(name, self.lab.namespace, seconds)
        if self._kueue:
            job["metadata"]["labels"] = {"kueue.x-k8s.io/queue-name": "default"}
        return job


def is_own(arm: str, write: str) -> bool:
    """Whether only the controller of that arm makes such a write (`PATCH jobs`)."""
    verb, _, resource = write.partition(" ")
    if arm == TRAINYARD:
        is_status = resource in ("trainingsessions/status", "trainingqueues/status")
        return is_status or write == "POST jobs"
    if arm == KUEUE:
        of_kueue = resource.split("/")[0] in ("workloads", "clusterqueues", "localqueues")
        return of_kueue or (resource == "jobs" and verb in ("PATCH", "PUT", "APPLY"))
    return False


def workloads(namespace: str) -> str:
    """The path of Kueue's Workloads."""
    return f"/apis/{VERSION}/namespaces/{namespace}/workloads"


def pending_writes(lab: Lab) -> float:
    """How many writes the operator has not sent yet."""
    return sum(value for name, value in lab.scrape().items() if "writes_pending" in name)


def session(name: str, command: list[str]) -> dict[str, Any]:
    """A session of one GPU."""
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


@contextmanager
def _furnished(kubeconfig: Path, folder: Path, slots: int) -> Iterator[Lab]:
    with fresh_namespace(kubeconfig, "op") as namespace:
        nodes = {f"{namespace}-n{i}": PER_NODE for i in range(slots // PER_NODE)}
        lab = Lab(kubeconfig, namespace, folder, nodes)
        try:
            lab.furnish()
            yield lab
        finally:
            lab.kill()
            lab.clear()


@asynccontextmanager
async def arm(
    name: str, kube: KubeClient, kubeconfig: Path, folder: Path, slots: int, job: JobOfASession
) -> AsyncIterator[Arm]:
    """An arm whose controller runs; afterwards nothing of it is left."""
    with _furnished(kubeconfig, folder, slots) as lab:
        kueue = Kueue(kubeconfig, folder, machine_address(kube)) if name == KUEUE else None
        try:
            if kueue:
                kueue.start()
                kueue.create_queue(lab.namespace, slots)
            elif name == TRAINYARD:
                lab.start()
            yield Arm(name, lab, kueue, job)
            await _clear(kube, lab.namespace, kueue)
        finally:
            if kueue:
                kueue.stop()


def machine_address(kube: KubeClient) -> str:
    """This machine in the network of the cluster's node: the first address of its network."""
    host = urllib.parse.urlsplit(kube.config.server).hostname or ""
    return f"{host.rpartition('.')[0]}.1"


async def job_of_a_session(kubeconfig: Path, folder: Path, kube: KubeClient) -> JobOfASession:
    """How the operator makes Jobs, learned from one that it makes."""
    with _furnished(kubeconfig, folder, PER_NODE) as lab:
        lab.start()
        lab.create("pattern", session("pattern", ["sleep", "4711"])["spec"])
        while not (jobs := (await kube.list(paths.jobs(lab.namespace)))["items"]):  # noqa: ASYNC110  # of the API server
            await asyncio.sleep(0.2)
        pattern = json.dumps(_without_owner(jobs[0]["spec"]))
        namespace = lab.namespace

    def made(name: str, where: str, seconds: int) -> dict[str, Any]:
        text = pattern.replace(namespace, where).replace('"4711"', f'"{seconds}"')
        return {"metadata": {"name": name}, "spec": json.loads(text)}

    return made


def _without_owner(spec: dict[str, Any]) -> dict[str, Any]:
    found = {k: v for k, v in spec.items() if k not in ("selector", "manualSelector")}
    metadata = found["template"]["metadata"]
    metadata["labels"] = {
        k: v
        for k, v in metadata["labels"].items()
        if not k.endswith(("controller-uid", "job-name")) and "session" not in k
    }
    return found


async def _clear(kube: KubeClient, namespace: str, kueue: Kueue | None) -> None:
    """Until nothing is left that its controller has to see go."""
    kinds = [paths.sessions(namespace), paths.jobs(namespace), paths.pods(namespace)]
    if kueue:
        kinds.append(workloads(namespace))
    for path in kinds[:2]:
        await kube.delete(path)
    for path in kinds:
        await _until_none(kube, path)
    if kueue:
        kueue.delete_queue(namespace)
        for kind in ("clusterqueues", "resourceflavors"):
            await _until_gone(kube, f"/apis/{VERSION}/{kind}/{namespace}")


async def _until_none(kube: KubeClient, path: str) -> None:
    while (await kube.get(path, limit=1))["items"]:  # noqa: ASYNC110  # of the API server
        await asyncio.sleep(1)


async def _until_gone(kube: KubeClient, path: str) -> None:
    with suppress(NotFound):
        while await kube.get(path):  # noqa: ASYNC110  # of the API server
            await asyncio.sleep(1)
