"""What the machine and the cluster have and use, refreshed in the background every five seconds."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import structlog

from trainyard_api.model import Status
from trainyard_gateway import clock
from trainyard_kube import Json, KubeClient, errors, paths

REFRESH_SECONDS = 5.0

_log = structlog.get_logger()


class Usage(Status):
    """Bytes of memory or disk."""

    total_bytes: int
    used_bytes: int
    percent: float


class GpuInfo(Status):
    """One GPU of the gateway's own machine, by NVML."""

    index: int
    name: str
    memory_total_bytes: int
    memory_used_bytes: int
    utilization_percent: float


class NodeInfo(Status):
    """One node of the cluster."""

    name: str
    ready: bool
    gpus: int
    gpus_used: int


class SystemInfo(Status):
    """CPU, memory, disk and GPUs of the gateway's machine, and the cluster's GPUs."""

    time: str
    """When this was measured."""
    cpu_percent: float
    cpu_count: int
    memory: Usage
    disk: Usage
    """The volume of datasets and models."""
    gpus: list[GpuInfo]
    """Empty without NVIDIA GPUs on that machine."""
    nodes: list[NodeInfo]
    gpus_total: int
    """Allocatable GPUs of the ready nodes."""
    gpus_used: int
    """GPUs that live pods hold."""


class SystemMonitor:
    """Measures in the background; `latest` is at most one refresh old."""

    def __init__(self, kube: KubeClient, gpu_resource: str, volume: Path) -> None:
        self._kube, self._gpu_resource, self._volume = kube, gpu_resource, volume
        self._ready = asyncio.Event()
        self._latest: SystemInfo | None = None

    async def latest(self) -> SystemInfo:
        """The newest measurement; waits for the first one."""
        await self._ready.wait()
        assert self._latest is not None
        return self._latest

    async def run(self) -> None:
        """Measure without end."""
        nodes: list[NodeInfo] = []
        while True:
            try:
                nodes = await self._nodes()
            except errors.KubeError as error:
                _log.warning("nodes not read", error=str(error))
            self._latest = await asyncio.to_thread(self._measure, nodes)
            self._ready.set()
            await asyncio.sleep(REFRESH_SECONDS)

    async def _nodes(self) -> list[NodeInfo]:
        listed = await self._kube.list(paths.nodes())
        pods = await self._kube.list(
            paths.pods(), fieldSelector="status.phase!=Succeeded,status.phase!=Failed"
        )
        return node_infos(listed["items"], pods["items"], self._gpu_resource)

    def _measure(self, nodes: list[NodeInfo]) -> SystemInfo:
        memory, disk = psutil.virtual_memory(), psutil.disk_usage(str(self._volume))
        return SystemInfo(
            time=clock.now(),
            cpu_percent=psutil.cpu_percent(),
            cpu_count=psutil.cpu_count() or 1,
            memory=Usage(total_bytes=memory.total, used_bytes=memory.used, percent=memory.percent),
            disk=Usage(total_bytes=disk.total, used_bytes=disk.used, percent=disk.percent),
            gpus=read_gpus(),
            nodes=nodes,
            gpus_total=sum(n.gpus for n in nodes if n.ready),
            gpus_used=sum(n.gpus_used for n in nodes),
        )


def node_infos(nodes: list[Json], pods: list[Json], gpu_resource: str) -> list[NodeInfo]:
    """Nodes with their GPUs and how many of them pods hold. Pure."""
    used: dict[str, int] = {}
    for pod in pods:
        name = pod["spec"].get("nodeName")
        if name:
            used[name] = used.get(name, 0) + _pod_gpus(pod, gpu_resource)
    return [
        NodeInfo(
            name=n["metadata"]["name"],
            ready=_ready(n),
            gpus=int((n["status"].get("allocatable") or {}).get(gpu_resource, 0)),
            gpus_used=used.get(n["metadata"]["name"], 0),
        )
        for n in nodes
    ]


def read_gpus() -> list[GpuInfo]:
    """NVIDIA GPUs of this machine; empty without the driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        return [_gpu(pynvml, i) for i in range(pynvml.nvmlDeviceGetCount())]
    finally:
        pynvml.nvmlShutdown()


def _gpu(pynvml: object, index: int) -> GpuInfo:
    nvml = pynvml
    handle = nvml.nvmlDeviceGetHandleByIndex(index)  # type: ignore[attr-defined]  # a module without types
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)  # type: ignore[attr-defined]  # as above
    rates = nvml.nvmlDeviceGetUtilizationRates(handle)  # type: ignore[attr-defined]  # as above
    name = nvml.nvmlDeviceGetName(handle)  # type: ignore[attr-defined]  # as above
    return GpuInfo(
        index=index,
        name=name,
        memory_total_bytes=memory.total,
        memory_used_bytes=memory.used,
        utilization_percent=rates.gpu,
    )


def _pod_gpus(pod: Json, gpu_resource: str) -> int:
    limits = ((c.get("resources") or {}).get("limits") or {} for c in pod["spec"]["containers"])
    return sum(int(limit.get(gpu_resource, 0)) for limit in limits)


def _ready(node: Json) -> bool:
    conditions = node["status"].get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
