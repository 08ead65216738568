"""What one machine has and uses, by psutil and NVML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import psutil
from pydantic import AfterValidator, Field

from trainyard_api.model import OpenModel
from trainyard_api.report import Bytes
from trainyard_api.visible_text import visible

MOST_GPUS = 1024
"""GPUs of one machine."""
Percent = Annotated[float, Field(ge=0, le=100)]


class Usage(OpenModel):
    """Bytes of memory or disk."""

    total_bytes: Bytes
    used_bytes: Bytes
    percent: Percent


class GpuInfo(OpenModel):
    """One GPU of the gateway's own machine, by NVML."""

    index: Annotated[int, Field(ge=0, lt=MOST_GPUS)]
    name: Annotated[str, Field(max_length=256), AfterValidator(visible)]
    memory_total_bytes: Bytes
    memory_used_bytes: Bytes
    utilization_percent: Percent


class Machine(OpenModel):
    """CPU, memory, disk and GPUs of one machine."""

    cpu_percent: Percent
    """CPU in use since the measurement before, over all cores."""
    cpu_count: Annotated[int, Field(ge=1, le=2**20)]
    """Logical cores."""
    memory: Usage
    """Memory."""
    disk: Usage
    """The volume of datasets and models, or the node's own."""
    gpus: Annotated[list[GpuInfo], Field(max_length=MOST_GPUS)] = []
    """NVIDIA GPUs; empty without."""


def measure(volume: Path) -> Machine:
    """This machine, now."""
    memory, disk = psutil.virtual_memory(), psutil.disk_usage(str(volume))
    return Machine(
        cpu_percent=psutil.cpu_percent(),
        cpu_count=psutil.cpu_count() or 1,
        memory=Usage(total_bytes=memory.total, used_bytes=memory.used, percent=memory.percent),
        disk=Usage(total_bytes=disk.total, used_bytes=disk.used, percent=disk.percent),
        gpus=read_gpus(),
    )


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


def _gpu(nvml: Any, index: int) -> GpuInfo:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    rates = nvml.nvmlDeviceGetUtilizationRates(handle)
    name = nvml.nvmlDeviceGetName(handle)
    return GpuInfo(
        index=index,
        name=name,
        memory_total_bytes=memory.total,
        memory_used_bytes=memory.used,
        utilization_percent=rates.gpu,
    )
