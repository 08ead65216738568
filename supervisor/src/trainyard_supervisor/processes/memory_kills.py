"""How often the kernel killed a process of this container for the container's memory limit."""

from __future__ import annotations

import re
from pathlib import Path

EVENT_FILES = (
    Path("/sys/fs/cgroup/memory.events"),
    Path("/sys/fs/cgroup/memory/memory.oom_control"),
)
"""Version 2 and version 1 of control groups."""
_COUNT = re.compile(r"^oom_kill (\d{1,18})$", re.MULTILINE)


def memory_kills(files: tuple[Path, ...] = EVENT_FILES) -> int:
    """The kernel's count, 0 where it shows none."""
    for file in files:
        try:
            found = _COUNT.search(file.read_text())
        except (OSError, ValueError):
            continue
        if found is not None:
            return int(found[1])
    return 0
