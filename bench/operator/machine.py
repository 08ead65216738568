"""What a scenario cost: CPU of each process, memory of the operator, the shape of the machine."""

from __future__ import annotations

import asyncio
import os
import platform
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PARTS = ("kube-apiserver", "etcd", "kube-controller-manager", "kube-scheduler", "kwok")
_TICK = os.sysconf("SC_CLK_TCK")


def shape() -> dict[str, Any]:
    """CPU model, cores, memory, kernel, Python; the date, and what else kept the machine busy when the run began."""
    info = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((x.split(":", 1)[1].strip() for x in info if x.startswith("model name")), "?")
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memoryGiB": round(pages / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "loadAverage": round(os.getloadavg()[0], 1),
    }


def parts(kubeconfig: Path) -> dict[str, int]:
    """PIDs of the control plane that belongs to `kubeconfig`, by program."""
    home = str(kubeconfig.parent)
    found: dict[str, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        program = Path(arguments[0].decode(errors="replace")).name
        if program in PARTS and any(home.encode() in a for a in arguments):
            found[program] = int(entry.name)
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def peak_mib(pid: int) -> float:
    """Largest resident size of a process so far."""
    return _status(pid, "VmHWM")


def rss_mib(pid: int) -> float:
    """Resident size of a process now."""
    return _status(pid, "VmRSS")


def _status(pid: int, key: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    value = next(line for line in lines if line.startswith(key))
    return round(int(value.split()[1]) / 1024, 1)


class Meter:
    """CPU time between two moments, by process."""

    def __init__(self, pids: dict[str, int]) -> None:
        self._pids = pids
        self._start = {name: cpu_seconds(pid) for name, pid in pids.items()}
        self._machine = busy_seconds()

    def used(self) -> dict[str, float]:
        """CPU seconds since the start."""
        return {
            name: round(cpu_seconds(pid) - self._start[name], 2) for name, pid in self._pids.items()
        }

    def machine_used(self) -> float:
        """CPU seconds of the whole machine since the start."""
        return round(busy_seconds() - self._machine, 2)


def busy_seconds() -> float:
    """CPU seconds of all processors so far that were not idle."""
    fields = [int(x) for x in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / _TICK


async def calm(pids: dict[str, int], cores: float = 0.25, within: float = 60) -> None:
    """Wait, at most `within` seconds, until these processes use less than `cores` over 5 s."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        meter = Meter(pids)
        await asyncio.sleep(5)
        if sum(meter.used().values()) / 5 < cores:
            return
