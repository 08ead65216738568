"""What a gateway process costs while something runs: memory, CPU time, and how long others wait.

    with watching(lab) as watch:
        attack(lab)
    watch.check()

A thread asks `/readyz`, another one reads a short list with a key, each on a connection of its own,
as other callers would. The peak of the memory is the kernel's own figure, not one of samples.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from gateway_lab import GatewayLab

MOST_MEMORY = 64 << 20
"""Bytes by which any request below its documented limit may move the gateway's memory."""
MOST_DELAY = 0.5
"""Seconds by which it may delay another caller's small read."""
GONE = 30.0
"""Seconds of a read that was not answered."""
_FORGET_PEAK = "5"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Sample:
    """One answer to another caller."""

    at: float
    """Seconds since the watch began."""
    seconds: float
    """How long it took; GONE without an answer."""
    status: int
    """HTTP status; 0 without an answer."""


@dataclass
class GatewayWatch:
    """Figures of a gateway process; those of memory and CPU are final when the watch has ended."""

    pid: int
    began: float = field(default_factory=time.monotonic)
    memory_before: int = 0
    memory_peak: int = 0
    memory_after: int = 0
    cpu_seconds: float = 0.0
    seconds: float = 0.0
    ready: list[Sample] = field(default_factory=list)
    """Answers of /readyz."""
    reads: list[Sample] = field(default_factory=list)
    """Answers to the small read."""
    host_delay: float = 0.0
    """The longest that this machine let one of the watch's own short waits overrun."""
    memory: list[tuple[float, int]] = field(default_factory=list)
    """Seconds since the begin and resident bytes, to plot."""

    @property
    def growth(self) -> int:
        """Bytes between the memory before and its peak."""
        return self.memory_peak - self.memory_before

    @property
    def cpu_share(self) -> float:
        """CPU time of the process by time on the clock: 1.0 is one core."""
        return self.cpu_seconds / self.seconds if self.seconds else 0.0

    @property
    def slowest_read(self) -> float:
        """Seconds of the slowest small read, without what the machine itself was late."""
        slowest = max((sample.seconds for sample in self.reads), default=0.0)
        return max(0.0, slowest - self.host_delay)

    @property
    def not_ready(self) -> list[Sample]:
        """Answers of /readyz that were not 200."""
        return [sample for sample in self.ready if sample.status != 200]

    def check(self, most_memory: int = MOST_MEMORY, most_delay: float = MOST_DELAY) -> None:
        """Hold the bounds. Raises AssertionError with all figures."""
        figures = str(self)
        assert self.reads, f"nothing was read: {figures}"
        assert all(sample.status == 200 for sample in self.reads), figures
        assert not self.not_ready, figures
        assert self.growth < most_memory, figures
        assert self.slowest_read < most_delay, figures

    def __str__(self) -> str:
        statuses = sorted({sample.status for sample in self.reads})
        return (
            f"memory {self.memory_before >> 20} MiB, peak +{self.growth / 2**20:.1f} MiB, "
            f"CPU {self.cpu_seconds:.2f} s of {self.seconds:.2f} s ({self.cpu_share:.0%}), "
            f"{len(self.reads)} reads {statuses}, slowest {self.slowest_read:.3f} s "
            f"(machine late by {self.host_delay:.3f} s), not ready {len(self.not_ready)}×"
        )


@contextmanager
def watching(
    lab: GatewayLab, every: float = 0.05, path: str = "/datasets"
) -> Iterator[GatewayWatch]:
    """Watch the lab's process for the length of the block, which may start no other one."""
    assert lab.process is not None
    watch = GatewayWatch(lab.process.pid)
    with lab.http() as http:
        # What is imported and opened at a first request belongs to no attack.
        http.get(path).raise_for_status()
    watch.memory_before = resident(watch.pid)
    Path(f"/proc/{watch.pid}/clear_refs").write_text(_FORGET_PEAK)
    began, ended = cpu_seconds(watch.pid), threading.Event()
    key = {"X-API-Key": lab.key}
    url = f"{lab.url}/api/v1{path}"
    threads = [
        threading.Thread(target=work, daemon=True)
        for work in (
            lambda: _ask(f"{lab.url}/readyz", {}, watch, watch.ready, ended, every),
            lambda: _ask(url, key, watch, watch.reads, ended, every),
            lambda: _sample(watch, ended, every),
        )
    ]
    watch.began = time.monotonic()
    for thread in threads:
        thread.start()
    try:
        yield watch
    finally:
        watch.seconds = time.monotonic() - watch.began
        ended.set()
        for thread in threads:
            thread.join(timeout=2 * GONE)
        # A process that is gone failed its reads; `check` says so.
        with suppress(OSError, IndexError):
            watch.cpu_seconds = cpu_seconds(watch.pid) - began
            watch.memory_peak = resident(watch.pid, "VmHWM")
            watch.memory_after = resident(watch.pid)


def resident(pid: int, which: str = "VmRSS") -> int:
    """Bytes that a process has resident, or had at its peak (`VmHWM`)."""
    found = Path(f"/proc/{pid}/status").read_text().partition(f"{which}:")[2].split()[0]
    return int(found) << 10


def cpu_seconds(pid: int) -> float:
    """Seconds of CPU that a process has used, in all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _ask(
    url: str,
    headers: dict[str, str],
    watch: GatewayWatch,
    samples: list[Sample],
    ended: threading.Event,
    every: float,
) -> None:
    with httpx.Client(headers=headers, timeout=GONE) as http:
        while not ended.is_set():
            started = time.monotonic()
            try:
                status = http.get(url).status_code
                seconds = time.monotonic() - started
            except httpx.HTTPError:
                status, seconds = 0, GONE
            samples.append(Sample(started - watch.began, seconds, status))
            ended.wait(every)


def _sample(watch: GatewayWatch, ended: threading.Event, every: float) -> None:
    wait: Callable[[float], bool] = ended.wait
    while not ended.is_set():
        started = time.monotonic()
        if wait(every):
            return
        now = time.monotonic()
        watch.host_delay = max(watch.host_delay, now - started - every)
        try:
            watch.memory.append((now - watch.began, resident(watch.pid)))
        except (OSError, IndexError):
            # The process is gone; `check` says so by the reads that failed.
            return
