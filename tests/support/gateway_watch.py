"""What a gateway process costs while something runs: memory, CPU time, and how long others wait.

    with watching(lab) as watch:
        attack(lab)
    watch.check()

Other processes ask `/readyz` and read a short list with a key of their own, as other callers would:
in the attacker's process they would wait for its threads. The peak of the memory is the kernel's own
figure, not one of samples.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
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
    queued: float = 0.0
    """Seconds of them in which gateway or caller were ready to run and got no processor."""

    @property
    def own(self) -> float:
        """Seconds that the gateway took, without those of a busy machine."""
        return max(0.0, self.seconds - self.queued)


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
    ready: Sequence[Sample] = field(default_factory=list)
    """Answers of /readyz."""
    reads: Sequence[Sample] = field(default_factory=list)
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
        """Seconds of the slowest small read, without those of a busy machine."""
        return max((sample.own for sample in self.reads), default=0.0)

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
    key = {"X-API-Key": lab.new_key("watch")}
    with lab.http() as http:
        # What is imported and opened at a first request belongs to no attack.
        http.get(path).raise_for_status()
    watch.memory_before = resident(watch.pid)
    Path(f"/proc/{watch.pid}/clear_refs").write_text(_FORGET_PEAK)
    began, ended = cpu_seconds(watch.pid), threading.Event()
    url = f"{lab.url}/api/v1{path}"
    sampler = threading.Thread(target=lambda: _sample(watch, ended, every), daemon=True)
    callers = [_Caller(f"{lab.url}/readyz", {}, watch, every), _Caller(url, key, watch, every)]
    watch.began = time.monotonic()
    sampler.start()
    try:
        yield watch
    finally:
        watch.seconds = time.monotonic() - watch.began
        ended.set()
        watch.ready, watch.reads = (caller.end() for caller in callers)
        sampler.join(timeout=2 * GONE)
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


def _queued(pid: int) -> float:
    """Seconds that a process's main thread, or this thread, was ready and had no processor."""
    waited = 0
    with suppress(OSError, IndexError):
        for path in (f"/proc/{pid}/schedstat", "/proc/thread-self/schedstat"):
            waited += int(Path(path).read_text().split()[1])
    return waited / 1e9


class _Caller:
    """A process that reads again and again, on one connection."""

    def __init__(
        self, url: str, headers: dict[str, str], watch: GatewayWatch, every: float
    ) -> None:
        wanted = {"url": url, "headers": headers, "pid": watch.pid, "every": every}
        self._began = watch.began
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(wanted) + "\n")
        self._process.stdin.flush()
        # It has loaded, and has its first answer.
        self._process.stdout.readline()

    def end(self) -> list[Sample]:
        """Its answers."""
        output, _ = self._process.communicate(timeout=2 * GONE)
        return [Sample(at - self._began, *rest) for at, *rest in json.loads(output)]


def _read_until_told() -> None:
    """The program of a caller: reads until its standard input ends, then writes the samples."""
    wanted = json.loads(sys.stdin.readline())
    samples: list[tuple[float, float, int, float]] = []
    ended = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        ended.set()

    waiter = threading.Thread(target=wait, daemon=True)
    with httpx.Client(headers=wanted["headers"], timeout=GONE) as http:
        while not ended.is_set():
            started, queued = time.monotonic(), _queued(wanted["pid"])
            try:
                status = http.get(wanted["url"]).status_code
                seconds = time.monotonic() - started
            except httpx.HTTPError:
                status, seconds = 0, GONE
            waited = max(0.0, _queued(wanted["pid"]) - queued) if status else 0.0
            samples.append((started, seconds, status, waited))
            if len(samples) == 1:
                sys.stdout.write("reading\n")
                sys.stdout.flush()
                waiter.start()
            ended.wait(wanted["every"])
    sys.stdout.write(json.dumps(samples))


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


if __name__ == "__main__":
    _read_until_told()
