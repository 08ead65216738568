"""How many CPU cores this process may use."""

from __future__ import annotations

import os
from pathlib import Path


def core_count() -> int:
    """Cores of the process's affinity, or the container's CPU quota where that is smaller."""
    cores = len(os.sched_getaffinity(0))
    for path, parse in (
        ("/sys/fs/cgroup/cpu.max", _cpu_max),
        ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", _cfs_quota),
    ):
        try:
            limit = parse(Path(path).read_text())
        except (OSError, ValueError):
            continue
        if limit is not None:
            return max(1, min(cores, round(limit)))
    return cores


def _cpu_max(text: str) -> float | None:
    """cgroup v2: `<quota> <period>` in microseconds; a quota of `max` is no limit."""
    quota, period = text.split()
    return None if quota == "max" else int(quota) / int(period)


def _cfs_quota(text: str) -> float | None:
    """cgroup v1: the quota in microseconds of the default period of 100 ms; -1 is no limit."""
    return int(text) / 100_000 if int(text) > 0 else None
