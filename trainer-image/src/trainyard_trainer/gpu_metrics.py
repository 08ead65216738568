"""What this pod's GPUs do while it trains, as metrics beside the curves: `system/gpu<index>/…`."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from trainyard.reporting import Run

SECONDS = 10.0
"""Between two readings."""

Reader = Callable[[], dict[str, float]]
"""Values by metric name at this moment."""


def reader() -> Reader | None:
    """Reads NVML; None where there is no NVIDIA driver."""
    # Not at the module's top: of a pod without GPUs it must not slow the start.
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return lambda: read(pynvml)


def read(nvml: ModuleType) -> dict[str, float]:
    """Utilisation in percent, memory in use in bytes, power in watts, temperature in °C; what a GPU does not tell is left out."""
    figures: dict[str, Callable[[Any], float]] = {
        "utilization_percent": lambda gpu: nvml.nvmlDeviceGetUtilizationRates(gpu).gpu,
        "memory_used_bytes": lambda gpu: nvml.nvmlDeviceGetMemoryInfo(gpu).used,
        "power_watts": lambda gpu: nvml.nvmlDeviceGetPowerUsage(gpu) / 1000,
        "temperature_celsius": lambda gpu: nvml.nvmlDeviceGetTemperature(
            gpu, nvml.NVML_TEMPERATURE_GPU
        ),
    }
    values: dict[str, float] = {}
    for index in range(nvml.nvmlDeviceGetCount()):
        gpu = nvml.nvmlDeviceGetHandleByIndex(index)
        for name, figure in figures.items():
            with contextlib.suppress(nvml.NVMLError):
                values[f"system/gpu{index}/{name}"] = float(figure(gpu))
    return values


@contextmanager
def watched(
    report: Run, step: Callable[[], int], read: Reader | None, every: float = SECONDS
) -> Iterator[None]:
    """Report `read()` at the current `step()` every `every` seconds while the body runs; nothing without a reader."""
    if read is None:
        yield
        return
    ended = threading.Event()

    def watch() -> None:
        last = -1
        while not ended.wait(every):
            now = step()
            # A step has one value: while it does not advance there is nothing to add.
            if now > last:
                last = now
                report.log(read(), now)

    thread = threading.Thread(target=watch, name="trainyard-gpus", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
