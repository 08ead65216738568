"""Operators in a tenth of the time: a process that has imported everything forks one for each start.

`python operator_fork.py MODULE` answers lines of JSON on its standard input. `{"start": [arguments], "environment": {…}, "log": path,
"clock": seconds}` forks; the child calls MODULE.main(arguments), and its clock shows so many seconds more. `{"poll": pid}` gives the
exit code, null while it runs. It ends with its input.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any


class Clock:
    """Seconds since the epoch, and some more."""

    def __init__(self, real: Callable[[], float]) -> None:
        self._real = real
        self.more = 0.0

    def __call__(self) -> float:
        return self._real() + self.more


CLOCK = Clock(time.time)


def serve(main: Callable[[list[str]], int]) -> None:
    """Answer until the input ends; then kill every child."""
    ended: dict[int, int | None] = {}
    try:
        for line in sys.stdin:
            asked = json.loads(line)
            if "start" in asked:
                pid = _fork(main, asked)
                ended[pid] = None
                answer: Any = pid
            else:
                answer = ended[asked["poll"]] = _poll(asked["poll"], ended)
            print(json.dumps(answer), flush=True)  # noqa: T201  # the answer
    finally:
        for pid, code in ended.items():
            if code is None:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def _poll(pid: int, ended: dict[int, int | None]) -> int | None:
    if ended[pid] is not None:
        return ended[pid]
    done, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if done else None


def _fork(main: Callable[[list[str]], int], asked: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for stream in (1, 2):
            os.dup2(log, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.update(asked["environment"])
        CLOCK.more = asked["clock"]
        code = main(asked["start"])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    # Before the operator is imported, whose functions have it as a default.
    time.time = CLOCK
    serve(importlib.import_module(sys.argv[1]).main)
