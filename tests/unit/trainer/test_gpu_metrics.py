"""GPU figures beside the curves, from a stand-in for the driver's library and from this machine's own."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

import pynvml
import pytest
from poll import eventually

from trainyard.reporting import NoOpReporter
from trainyard_trainer import gpu_metrics


class NvmlStandIn(ModuleType):
    """Two GPUs; the second one tells no power, as passively cooled and virtual ones do."""

    NVML_TEMPERATURE_GPU = 0
    nvmlMemory_v2 = 2  # noqa: N815 - the library's name

    def __init__(self, old_driver: bool = False) -> None:
        super().__init__("pynvml")
        self._old_driver = old_driver

    class NVMLError(Exception):
        """As the library's."""

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802 - the library's name
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802 - the library's name
        return index

    def nvmlDeviceGetUtilizationRates(self, gpu: int) -> SimpleNamespace:  # noqa: N802 - the library's name
        return SimpleNamespace(gpu=90 + gpu, memory=5)

    def nvmlDeviceGetMemoryInfo(self, gpu: int, version: int = 1) -> SimpleNamespace:  # noqa: N802 - the library's name
        if version == 2 and self._old_driver:
            raise self.NVMLError
        reserved = 2**29 if version == 1 else 0
        return SimpleNamespace(used=(gpu + 1) * 2**30 + reserved, total=2**40)

    def nvmlDeviceGetPowerUsage(self, gpu: int) -> int:  # noqa: N802 - the library's name
        if gpu == 1:
            raise self.NVMLError
        return 250_500

    def nvmlDeviceGetTemperature(self, gpu: int, sensor: int) -> int:  # noqa: N802 - the library's name
        assert sensor == self.NVML_TEMPERATURE_GPU
        return 60 + gpu


def test_every_gpu_with_what_it_tells() -> None:
    assert gpu_metrics.read(NvmlStandIn()) == {
        "system/gpu0/utilization_percent": 90.0,
        "system/gpu0/memory_used_bytes": 2.0**30,
        "system/gpu0/power_watts": 250.5,
        "system/gpu0/temperature_celsius": 60.0,
        "system/gpu1/utilization_percent": 91.0,
        "system/gpu1/memory_used_bytes": 2.0**31,
        "system/gpu1/temperature_celsius": 61.0,
    }


def test_an_old_driver_counts_its_reserved_memory_as_used() -> None:
    found = gpu_metrics.read(NvmlStandIn(old_driver=True))

    assert found["system/gpu0/memory_used_bytes"] == 2.0**30 + 2.0**29


def test_a_machine_without_a_driver_has_no_reader() -> None:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        assert gpu_metrics.nvml_reader() is None
    else:
        pytest.skip("this machine has a driver")


class Said(NoOpReporter):
    """Keeps what was logged."""

    def __init__(self) -> None:
        self.points: list[tuple[int, dict[str, float]]] = []

    def log(self, values: Any, step: int, epoch: int | None = None) -> None:
        assert epoch is None
        self.points.append((step, dict(values)))


def test_figures_come_with_the_steps_and_one_for_each() -> None:
    said, steps = Said(), iter([3, 3, 3, 8])

    def step() -> int:
        return next(steps, 8)

    with gpu_metrics.reported_every(
        said, step, lambda: {"system/gpu0/utilization_percent": 50.0}, interval_seconds=0.001
    ):
        eventually(lambda: len(said.points) == 2, within=60, what="two readings")

    assert said.points == [
        (3, {"system/gpu0/utilization_percent": 50.0}),
        (8, {"system/gpu0/utilization_percent": 50.0}),
    ]
