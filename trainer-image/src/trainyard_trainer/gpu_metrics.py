"""Metrics of this pod's GPUs beside the curves, read by NVML: `system/gpu<index>/…`."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from trainyard.reporting import SessionReporter

INTERVAL_SECONDS = 10.0
"""Time between two readings."""

Reader = Callable[[], dict[str, float]]
"""Returns the current values by metric name."""


def nvml_reader() -> Reader | None:
    """A reader of NVML; None where there is no NVIDIA driver."""
    # Imported here: a pod without GPUs must not pay for it at its start.
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return lambda: read(pynvml)


def read(nvml: ModuleType) -> dict[str, float]:
    """Utilisation (percent), memory in use (bytes), power (watts) and temperature (°C).

    One value per GPU and metric. A value that the GPU does not provide is left out.
    """
    getters: dict[str, Callable[[Any], float]] = {
        "utilization_percent": lambda gpu: nvml.nvmlDeviceGetUtilizationRates(gpu).gpu,
        "memory_used_bytes": lambda gpu: _memory_used(nvml, gpu),
        "power_watts": lambda gpu: nvml.nvmlDeviceGetPowerUsage(gpu) / 1000,
        "temperature_celsius": lambda gpu: nvml.nvmlDeviceGetTemperature(
            gpu, nvml.NVML_TEMPERATURE_GPU
        ),
    }
    values: dict[str, float] = {}
    for index in range(nvml.nvmlDeviceGetCount()):
        gpu = nvml.nvmlDeviceGetHandleByIndex(index)
        for name, get in getters.items():
            with contextlib.suppress(nvml.NVMLError):
                values[f"system/gpu{index}/{name}"] = float(get(gpu))
    return values


def _memory_used(nvml: ModuleType, gpu: Any) -> int:
    """Bytes in use as nvidia-smi shows them. Raises NVMLError."""
    try:
        # Version 1 counts the memory that the driver reserves for itself: 615 MiB on an H200.
        return int(nvml.nvmlDeviceGetMemoryInfo(gpu, version=nvml.nvmlMemory_v2).used)
    except nvml.NVMLError:
        # Drivers before 510 know version 1 only.
        return int(nvml.nvmlDeviceGetMemoryInfo(gpu).used)


@contextmanager
def reported_every(
    report: SessionReporter,
    step: Callable[[], int],
    read: Reader | None,
    interval_seconds: float = INTERVAL_SECONDS,
) -> Iterator[None]:
    """Report `read()` at the current `step()` every `interval_seconds` while the body runs.

    Does nothing without a reader.
    """
    if read is None:
        yield
        return
    ended = threading.Event()

    def poll() -> None:
        last = -1
        while not ended.wait(interval_seconds):
            now = step()
            # A series has one value per step: nothing is added while the step stays the same.
            if now > last:
                last = now
                report.log(read(), now)

    thread = threading.Thread(target=poll, name="trainyard-gpus", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
