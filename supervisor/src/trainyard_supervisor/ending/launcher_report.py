"""How the worker ended that failed first, as launchers say it. Pure.

A launcher such as `torchrun` or `accelerate launch` ends with 1 for any failure of its workers, and
prints the worker's own exit code.
"""

from __future__ import annotations

import re

from trainyard_supervisor.processes.process_tree import Exit

_TORCHRUN = re.compile(r"failed \(exitcode: (-?\d{1,3})\) local_rank: \d+ \(pid: \d+\)")
_CALLED = re.compile(
    r"subprocess\.CalledProcessError: Command .*"
    r"(?:died with <Signals\.SIG\w+: (\d{1,2})>|returned non-zero exit status (\d{1,3}))\.$"
)


def worker_exit(line: str) -> Exit | None:
    """The worker's end that `line` names; None for any other line."""
    if "(exitcode: " in line and (found := _TORCHRUN.search(line)) is not None:
        code = int(found[1])
        return _exit(-code if code < 0 else None, code)
    if line.startswith("subprocess.C") and (found := _CALLED.match(line)) is not None:
        return _exit(int(found[1]) if found[1] else None, int(found[2] or 0))
    return None


def _exit(signal: int | None, code: int) -> Exit | None:
    if signal is not None:
        return Exit(None, signal) if 0 < signal < 65 else None
    return Exit(code, None) if 0 < code < 256 else None
