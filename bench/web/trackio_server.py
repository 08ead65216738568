"""Trackio's dashboard as a process of its own, and how runs come into its database."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx
import load
import yard
from peers import end
from poll import eventually
from ports import free_port

PROJECT: Final = "bench"
_FILL: Final = """
import sys
from trackio.sqlite_storage import SQLiteStorage
project, runs, long_runs, points, spike, first, each = sys.argv[1], *map(float, sys.argv[2:])
for number in range(int(runs)):
    count = int(points) if number < long_runs else 1
    high = int(first + each * number)
    rows = [{"loss": spike if n == high else n / 7} for n in range(count)]
    SQLiteStorage.bulk_log(project, f"run-{number}", rows, list(range(count)), run_id=f"run-{number}")
"""
"""By its own functions, in its own interpreter: its API takes one request for each value."""
_LOG: Final = """
import sys, time
from trackio.sqlite_storage import SQLiteStorage
project, runs, step = sys.argv[1], int(sys.argv[2]), 1_000_000
print("begins", flush=True)
while True:
    began = time.monotonic()
    step += 1
    for number in range(runs):
        SQLiteStorage.bulk_log(project, f"run-{number}", [{"loss": step / 7}], [step], run_id=f"run-{number}")
    time.sleep(max(0.0, 1 - (time.monotonic() - began)))
"""
_VALUES: Final = """
import sys
from trackio.sqlite_storage import SQLiteStorage
for step, line in enumerate(sys.stdin, 2_000_000):
    SQLiteStorage.bulk_log(sys.argv[1], "run-0", [{"loss": float(line)}], [step], run_id="run-0")
"""
_FILL_SECONDS = 1800.0


class Trackio:
    """`trackio show` on SQLite, as it comes."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        if not (binaries / "trackio").exists():
            raise SystemExit(f"there is no trackio in {binaries}; make bench-web brings it")
        self._binaries, self._folder, self._port = binaries, folder, free_port()
        folder.mkdir(parents=True)
        self._environment = {
            **os.environ, "TRACKIO_DIR": str(folder / "data"), "GRADIO_SERVER_PORT": str(self._port),
            "GRADIO_NUM_PORTS": "1", "HF_HUB_OFFLINE": "1", "BROWSER": "true",
        }  # fmt: skip

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    def __enter__(self) -> Self:
        command = [str(self._binaries / "trackio"), "show", "--project", PROJECT]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self._folder, env=self._environment
            )
        eventually(self._ready, within=120, every=0.5, what="trackio being ready")
        self._values = subprocess.Popen(
            [self._python, "-c", _VALUES, PROJECT], env=self._environment, stdin=subprocess.PIPE
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        end(self._values, self._process)

    def fill(self, runs: int, long_runs: int, points: int) -> None:
        """So many runs, of which the first have long curves with one spike each; the others one value."""
        steps = (yard.spike(0), yard.spike(1) - yard.spike(0))
        given = (runs, min(runs, long_runs), points, load.SPIKE, *steps)
        subprocess.run(
            [self._python, "-c", _FILL, PROJECT, *map(str, given)],
            check=True, env=self._environment, timeout=_FILL_SECONDS,
        )  # fmt: skip

    def logging(self, runs: int) -> subprocess.Popen[bytes]:
        """A process that logs a value of so many runs each second, when it has begun."""
        process = subprocess.Popen(
            [self._python, "-c", _LOG, PROJECT, str(runs)],
            env=self._environment, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        return process

    def log_one(self, value: float) -> None:
        """Log one value of the first run, as a program on this machine does."""
        self._values.stdin.write(f"{value}\n".encode())  # type: ignore[union-attr]  # it is a pipe
        self._values.stdin.flush()  # type: ignore[union-attr]  # as above

    @property
    def _python(self) -> str:
        return str(self._binaries / "python")

    def _ready(self) -> bool:
        if self._process.poll() is not None:
            raise SystemExit(f"trackio ended: {(self._folder / 'log').read_text()[-2000:]}")
        try:
            return httpx.get(self.url, timeout=2).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False
