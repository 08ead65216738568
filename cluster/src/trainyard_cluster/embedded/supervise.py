"""Long-running processes without an init system: started detached, stopped by pid.

A process is identified by its pid and its start time, because a pid may be reused.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainyard_cluster.errors import NotPossible

_LOG_LIMIT = 20 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Running:
    """A running process of the cluster."""

    pid: int
    started: int
    """Clock ticks since boot, field 22 of /proc/<pid>/stat."""


def start(name: str, argv: Sequence[str], pid_dir: Path, log: Path) -> Running:
    """Start `argv` in a new session with its output in `log`; write its pid file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as sink:
        try:
            # Only the needed variables: no proxy and no secret of the caller.
            child = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
                cwd="/",
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"},
            )
        except FileNotFoundError as error:
            raise NotPossible(f"the program {argv[0]} is not installed") from error
    running = Running(child.pid, _start_time(child.pid) or 0)
    # The child stays on purpose; no warning about it.
    child.returncode = 0
    pid_dir.mkdir(parents=True, exist_ok=True)
    record = pid_dir / f"{name}.pid"
    temporary = record.with_suffix(".tmp")
    temporary.write_text(json.dumps({"pid": running.pid, "started": running.started}))
    temporary.replace(record)
    return running


def find(name: str, pid_dir: Path) -> Running | None:
    """The process of that name if it runs; a stale pid file counts as none."""
    try:
        record = json.loads((pid_dir / f"{name}.pid").read_text())
        running = Running(int(record["pid"]), int(record["started"]))
    except (OSError, ValueError, KeyError):
        return None
    return running if _alive(running) else None


def stop(name: str, pid_dir: Path, grace_seconds: float = 10.0) -> None:
    """Send SIGTERM, then SIGKILL after the grace time, if the process runs."""
    running = find(name, pid_dir)
    if running is not None:
        terminate(running, grace_seconds)
    (pid_dir / f"{name}.pid").unlink(missing_ok=True)


def terminate(running: Running, grace_seconds: float) -> None:
    """End one process and wait for its end. Without grace it gets SIGKILL at once."""
    steps = [(signal.SIGTERM, grace_seconds)] if grace_seconds else []
    for number, patience in (*steps, (signal.SIGKILL, 10.0)):
        try:
            os.kill(running.pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            _reap(running.pid)
            if not _alive(running):
                return
            time.sleep(0.05)


def running_at(pid: int) -> Running | None:
    """The process that has this pid now."""
    started = _start_time(pid)
    return Running(pid, started) if started is not None else None


def memory_bytes(pid: int) -> int:
    """Resident memory in bytes; 0 if the process has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def age_seconds(running: Running) -> float:
    """Seconds since the process started."""
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return max(0.0, uptime - running.started / os.sysconf("SC_CLK_TCK"))


def _alive(running: Running) -> bool:
    return _start_time(running.pid) == running.started


def _start_time(pid: int) -> int | None:
    """Start time of a process that is not a zombie, None otherwise."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name in brackets may contain spaces and brackets; parse behind the last bracket.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else int(fields[19])


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
