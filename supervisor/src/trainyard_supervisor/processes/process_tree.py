"""The processes below this one: adopting, reaping, finding and signalling them.

As process 1 of a container this one inherits every process whose parent ends; elsewhere it asks
the kernel for that (`PR_SET_CHILD_SUBREAPER`). So while it has no child, nothing is left.
"""

from __future__ import annotations

import contextlib
import os
from typing import NamedTuple

PR_SET_CHILD_SUBREAPER = 36


class Exit(NamedTuple):
    """How a process ended: by an exit code, or by a signal."""

    code: int | None
    signal: int | None


class Process(NamedTuple):
    """A process as /proc shows it."""

    pid: int
    parent: int
    group: int
    zombie: bool


def adopt_orphans() -> None:
    """Become the parent of every descendant whose parent ends."""
    if os.getpid() == 1:
        return
    import ctypes  # process 1 does not need it, nor its memory

    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap() -> tuple[list[tuple[int, Exit]], bool]:
    """The processes that ended since the last call, and whether any child is left."""
    ended: list[tuple[int, Exit]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended, False
        if pid == 0:
            return ended, True
        ended.append((pid, exit_of(status)))


def exit_of(status: int) -> Exit:
    """What a wait status says. Pure."""
    if os.WIFSIGNALED(status):
        return Exit(None, os.WTERMSIG(status))
    return Exit(os.WEXITSTATUS(status), None)


def descendants() -> list[Process]:
    """The living processes below this one."""
    return below(os.getpid(), _all_processes())


def below(root: int, processes: list[Process]) -> list[Process]:
    """The processes of `processes` that `root` or its descendants started. Pure."""
    children: dict[int, list[Process]] = {}
    for process in processes:
        children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    parents = [root]
    while parents:
        for process in children.pop(parents.pop(), []):
            parents.append(process.pid)
            if not process.zombie:
                found.append(process)
    return found


def signal_group(group: int, number: int) -> None:
    """Send a signal to every process of a group; nothing if the group is empty."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def signal_all(number: int, but_group: int | None = None) -> None:
    """Send a signal to every process below this one, except those of a group."""
    if os.getpid() == 1 and but_group is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(-1, number)
        return
    for process in descendants():
        if process.group != but_group:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process.pid, number)


def _all_processes() -> list[Process]:
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 # a thousand entries, no Path for each
        if name.isdigit() and (process := process_of(name)) is not None:
            found.append(process)
    return found


def process_of(pid: str) -> Process | None:
    """A process by its number, None if there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 # as above
            # The name of the program stands in brackets and may hold any character.
            fields = file.read().rpartition(b") ")[2].split()
        return Process(int(pid), int(fields[1]), int(fields[2]), fields[0] in (b"Z", b"X"))
    except (OSError, IndexError, ValueError):
        return None
