"""Who sent a signal: a process of the program, or one outside."""

from __future__ import annotations

import os
from typing import NamedTuple

from trainyard_supervisor.processes.process_tree import process_of

MOST_ANCESTORS = 1000


class Sender(NamedTuple):
    """A process below this one that sent a signal."""

    pid: int
    name: str
    """Name of its program; empty if it has ended already."""


def own_sender(pid: int) -> Sender | None:
    """The sender, None for one that does not descend from this process.

    The kernel calls a sender 0 that is outside of this process's namespace, such as the kubelet's.
    For process 1 of a namespace one that has ended meanwhile counts as the program's: what is run
    in the container from outside has an ancestor there without a parent.
    """
    if pid <= 0:
        return None
    name, at = _name(pid), pid
    for _ in range(MOST_ANCESTORS):
        found = process_of(str(at))
        if found is None:
            return Sender(pid, name) if os.getpid() == 1 else None
        if found.parent == os.getpid():
            return Sender(pid, name)
        if found.parent == 0:
            return None
        at = found.parent
    return None


def _name(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm", "rb") as file:  # noqa: PTH123 # no pathlib in process 1
            return file.read().decode("utf-8", "replace").strip()
    except OSError:
        return ""
