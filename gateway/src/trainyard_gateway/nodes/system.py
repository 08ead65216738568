"""What the machine and the cluster have and use, refreshed in the background every five seconds."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from pathlib import Path

import structlog

from trainyard_api import names, timestamps
from trainyard_api.model import OpenModel
from trainyard_gateway.nodes.machine import Machine, measure
from trainyard_kube import Json, KubeClient, errors, paths

REFRESH_SECONDS = 5.0
MEASUREMENT_TTL_SECONDS = 30.0
"""A node's measurement is shown for so long."""

_log = structlog.get_logger()


class GpuHolder(OpenModel):
    """A session that holds GPUs of a node."""

    session: str
    """Its name."""
    gpus: int
    """GPUs that its live pods hold there."""


class NodeInfo(OpenModel):
    """One node of the cluster."""

    name: str
    ready: bool
    gpus: int
    gpus_used: int
    """GPUs that live pods hold."""
    holders: list[GpuHolder] = []
    """Sessions of this installation with GPUs there, by name; `gpusUsed` counts other pods too."""
    machine: Machine | None = None
    """What its monitor measured in the last half minute; absent without a monitor there."""


class SystemInfo(Machine):
    """CPU, memory, disk and GPUs of the gateway's machine, and the cluster's nodes and GPUs."""

    time: str
    """When this was measured."""
    nodes: list[NodeInfo]
    gpus_total: int
    """Allocatable GPUs of the ready nodes."""
    gpus_used: int
    """GPUs that live pods hold."""


class SystemMonitor:
    """Measures in the background; `latest` is at most one refresh old."""

    def __init__(self, kube: KubeClient, gpu_resource: str, volume: Path, namespace: str) -> None:
        self._kube, self._gpu_resource, self._volume = kube, gpu_resource, volume
        self._namespace = namespace
        self._ready = asyncio.Event()
        self._latest: SystemInfo | None = None
        self._machines: dict[str, tuple[float, Machine]] = {}

    async def latest(self) -> SystemInfo:
        """The newest measurement; waits for the first one."""
        while self._latest is None:
            await self._ready.wait()
        return self._latest

    async def run(self) -> None:
        """Measure without end."""
        nodes: list[NodeInfo] = []
        while True:
            try:
                nodes = await self._nodes()
            except errors.KubeError as error:
                _log.warning("nodes not read", error=str(error))
            self._latest = await asyncio.to_thread(self._measure, self._with_machines(nodes))
            self._ready.set()
            await asyncio.sleep(REFRESH_SECONDS)

    async def _nodes(self) -> list[NodeInfo]:
        listed = await self._kube.list(paths.nodes())
        pods = await self._kube.list(
            paths.pods(), fieldSelector="status.phase!=Succeeded,status.phase!=Failed"
        )
        return node_infos(listed["items"], pods["items"], self._gpu_resource, self._namespace)

    def record_measurement(self, node: str, machine: Machine) -> None:
        """A monitor's measurement of its node."""
        self._machines[node] = (time.monotonic(), machine)

    def _with_machines(self, nodes: list[NodeInfo]) -> list[NodeInfo]:
        limit = time.monotonic() - MEASUREMENT_TTL_SECONDS
        self._machines = {n: (t, m) for n, (t, m) in self._machines.items() if t > limit}
        found = {n: m for n, (_, m) in self._machines.items()}
        return [n.model_copy(update={"machine": found.get(n.name)}) for n in nodes]

    def _measure(self, nodes: list[NodeInfo]) -> SystemInfo:
        return SystemInfo(
            **dict(measure(self._volume)),
            time=timestamps.now_text(),
            nodes=nodes,
            gpus_total=sum(n.gpus for n in nodes if n.ready),
            gpus_used=sum(n.gpus_used for n in nodes),
        )


def node_infos(
    nodes: list[Json], pods: list[Json], gpu_resource: str, namespace: str
) -> list[NodeInfo]:
    """Nodes with their GPUs: how many of them pods hold, which sessions of `namespace`. Pure."""
    used, held = Counter[str](), defaultdict[str, Counter[str]](Counter)
    for pod in pods:
        name = pod["spec"].get("nodeName")
        if not name:
            continue
        gpus = _pod_gpus(pod, gpu_resource)
        used[name] += gpus
        session = (pod["metadata"].get("labels") or {}).get(names.LABEL_SESSION)
        if session and gpus and pod["metadata"].get("namespace") == namespace:
            held[name][session] += gpus
    return [
        NodeInfo(
            name=n["metadata"]["name"],
            ready=_ready(n),
            gpus=int((n["status"].get("allocatable") or {}).get(gpu_resource, 0)),
            gpus_used=used[n["metadata"]["name"]],
            holders=[
                GpuHolder(session=session, gpus=gpus)
                for session, gpus in sorted(held[n["metadata"]["name"]].items())
            ],
        )
        for n in nodes
    ]


def _pod_gpus(pod: Json, gpu_resource: str) -> int:
    limits = ((c.get("resources") or {}).get("limits") or {} for c in pod["spec"]["containers"])
    return sum(int(limit.get(gpu_resource, 0)) for limit in limits)


def _ready(node: Json) -> bool:
    conditions = node["status"].get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
