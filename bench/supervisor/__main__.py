"""What the supervisor costs a program: time of a step, memory, and a flood of output.

Each program runs bare and supervised in turns, on the same machine and in the same run; `cat` reads
its output. The supervisor reports to a stand-in of the gateway by HTTP, as in a pod.

`make bench-supervisor` writes `build/bench/supervisor.md`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from report_stand_in import ReportStandIn, report_stand_in

from trainyard_api import contract
from trainyard_supervisor.install import ARCHIVE, install

STEPS = """
import sys, time
steps, work = int(sys.argv[1]), int(sys.argv[2])
walls, processors = [], []
for step in range(steps):
    began, used = time.perf_counter(), time.thread_time()
    sum(range(work))
    print(f"step {step}/{steps}: loss {1 / (step + 1):.4f}", flush=True)
    walls.append(time.perf_counter() - began)
    processors.append(time.thread_time() - used)
middle = steps // 2
open(sys.argv[3], "w").write(f"{sorted(walls)[middle]} {sorted(processors)[middle]}")
"""
"""Steps of the same work with a line each; leaves the medians of a step's time."""

IDLE = "import time; time.sleep(1)"

FLOOD = """
import os, sys
lines = (b"x" * 99 + b"\\n") * 1000
for _ in range(int(sys.argv[1]) * 10): os.write(1, lines)
"""
"""Megabytes of short lines, as fast as they are taken."""


MLFLOW = """
import http.client, json, os, sys, time, urllib.parse
place, run = urllib.parse.urlsplit(os.environ["MLFLOW_TRACKING_URI"]), os.environ["MLFLOW_RUN_ID"]
relay = http.client.HTTPConnection(place.hostname, place.port)
for step in range(20):
    points = [{"key": f"m{n}", "value": step / 7, "timestamp": 1700000000000 + step, "step": step}
              for n in range(int(sys.argv[1]))]
    relay.request("POST", "/api/2.0/mlflow/runs/log-batch", json.dumps({"run_id": run, "metrics": points}))
    assert relay.getresponse().read() is not None
time.sleep(1)
"""
"""Twenty values of so many metrics, as MLflow's clients log them."""

OUTPUT = """
import os, sys
os.makedirs("out", exist_ok=True)
open("out/weights", "wb").truncate(int(sys.argv[1]) << 20)
"""
"""A declared output of so many MiB."""

WORDS = """
import os, sys
text = "".join(f"epoch {n} step {n * 7} loss {1 / (n + 1):.4f} lr 3e-4 /data/run/work/train.py:{n}\\n" for n in range(15000))
lines = text.encode()
for _ in range(int(sys.argv[1]) * 10**6 // len(lines)): os.write(1, lines)
"""
"""Megabytes of lines as trainings print them."""
SECRETS = (0, 1, 20)


@dataclass
class Cost:
    """What one run took."""

    wall: float = 0.0
    memory: int = 0
    """Highest resident memory of the supervisor in KiB; 0 without one."""
    processor: float = 0.0
    """Seconds of the processor that the supervisor itself took."""


class Bench:
    """Runs programs in one folder."""

    def __init__(self, folder: Path, gateway: ReportStandIn, python: str) -> None:
        self.folder = folder
        self._python = python
        (folder / "token").write_text("token")
        install(folder)
        self._environment = {
            **os.environ,
            contract.ENV_RUN: json.dumps({"uid": "uid", "attempt": 1, "session": "s"}),
            contract.ENV_GATEWAY_URL: gateway.url,
            contract.ENV_TOKEN_FILE: str(folder / "token"),
        }

    def memory(self, source: str, *arguments: str, **run: object) -> str:
        """The most that the supervisor of a program took, of three runs; `run` is the attempt's."""
        described = {"uid": "uid", "attempt": 1, "session": "s", **run}
        before = self._environment
        self._environment = {**before, contract.ENV_RUN: json.dumps(described)}
        most = max(self.run(source, *arguments, supervised=True).memory for _ in range(3))
        self._environment = before
        return f"{most / 1024:.1f} MiB"

    def run(self, source: str, *arguments: str, supervised: bool, secrets: int = 0) -> Cost:
        """Run a program to its end; with Secrets of so many values of 40 characters."""
        command = [self._python, "-S", "-c", source, *arguments]
        if supervised:
            own = [self._python, "-I", "-S", str(self.folder / ARCHIVE)]
            own += ["--secrets-dir", str(self._mounted(secrets))]
            command = [*own, "--run-dir", str(self.folder), "--", *command]
        cost, began = Cost(), time.monotonic()
        # As the container's runtime, which reads a pipe.
        reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        process = subprocess.Popen(
            command, env=self._environment, cwd=self.folder, stdout=reader.stdin
        )
        while process.poll() is None:
            if supervised:
                _look(process.pid, cost)
            time.sleep(0.02)
        cost.wall = time.monotonic() - began
        reader.communicate()
        if process.returncode != 0:
            raise SystemExit(f"the program ended with {process.returncode}")
        return cost

    def _mounted(self, secrets: int) -> Path:
        folder = self.folder / f"secrets-{secrets}"
        for number in range(secrets):
            file = folder / "hub" / f"TOKEN_{number}"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(hashlib.sha256(file.name.encode()).hexdigest()[:40])
        return folder

    def steps(self, steps: int, work: int, *, supervised: bool) -> tuple[float, float, Cost]:
        """Median time of a step and its processor's time, in seconds."""
        file = self.folder / "medians"
        cost = self.run(STEPS, str(steps), str(work), str(file), supervised=supervised)
        wall, processor = map(float, file.read_text().split())
        return wall, processor, cost


def _look(pid: int, cost: Cost) -> None:
    """Take the figures of a process that may just have ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return
    found = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
    cost.memory = max(cost.memory, *found) if found else cost.memory
    cost.processor = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def calibrated(milliseconds: float) -> int:
    """How long a range Python sums up in this time."""
    best = min(_timed(200_000) for _ in range(20))
    return int(200_000 * milliseconds / 1000 / best)


def _timed(work: int) -> float:
    began = time.thread_time()
    sum(range(work))
    return time.thread_time() - began


def measured(bench: Bench, rounds: int, steps: int) -> str:
    """All rows of the table."""
    work = calibrated(5)
    bare, own = [], []
    for _ in range(rounds):
        bare.append(bench.steps(steps, work, supervised=False))
        own.append(bench.steps(steps, work, supervised=True))
    floods = [
        (bench.run(FLOOD, "1000", supervised=False), bench.run(FLOOD, "1000", supervised=True))
        for _ in range(3)
    ]
    masked = [
        [bench.run(WORDS, "100", supervised=True, secrets=n) for n in SECRETS] for _ in range(3)
    ]
    step = statistics.median(b[1] for b in bare)
    ratios = [
        statistics.median(o[i] for o in own) / statistics.median(b[i] for b in bare) for i in (0, 1)
    ]
    start = statistics.median(bench.run(IDLE, supervised=True).processor for _ in range(3))
    share = statistics.median((o[2].processor - start) / o[2].wall for o in own)
    lines = statistics.median(steps / o[2].wall for o in own)
    slower = statistics.median(o.wall / b.wall for b, o in floods)
    flood = max(o.memory for _, o in floods)
    speed = statistics.median(1000 / o.wall for _, o in floods)
    rows = [
        ("a step of the bare program, its processor's time", f"{step * 1000:.2f} ms"),
        ("the same step supervised, processor's time: ratio", f"{ratios[1]:.4f}"),
        ("the same step supervised, wall clock: ratio", f"{ratios[0]:.4f}"),
        (
            f"the supervisor's own processor's time, at {lines:.0f} lines a second",
            f"{100 * share:.2f} % of one core",
        ),
        ("the start of the supervisor, processor's time", f"{start * 1000:.0f} ms"),
        ("memory, a line every step (VmHWM)", f"{max(o[2].memory for o in own) / 1024:.1f} MiB"),
        ("1,000 MB of lines: speed supervised", f"{speed:.0f} MB/s"),
        ("1,000 MB of lines: time, ratio to the bare program", f"{slower:.2f}"),
        ("memory in that flood (VmHWM)", f"{flood / 1024:.1f} MiB"),
        *_memories(bench),
        *(_masking(n, [run[i] for run in masked], masked) for i, n in enumerate(SECRETS)),
    ]
    return "".join(f"| {what} | {value} |\n" for what, value in rows)


def _memories(bench: Bench) -> list[tuple[str, str]]:
    """Rows of what else takes memory."""
    # MLflow's clients last: what they logged is read again in this run folder.
    declared = [{"path": "out", "name": "mine"}]
    return [
        ("memory with a program that does nothing (VmHWM)", bench.memory(IDLE)),
        ("memory with an output of 1 MiB", bench.memory(OUTPUT, "1", outputs=declared)),
        ("memory with an output of 64 MiB", bench.memory(OUTPUT, "64", outputs=declared)),
        ("memory with an MLflow client, 3 metrics", bench.memory(MLFLOW, "3")),
        ("memory with an MLflow client, 1,000 metrics", bench.memory(MLFLOW, "1000")),
    ]


def _masking(number: int, costs: list[Cost], all_runs: list[list[Cost]]) -> tuple[str, str]:
    """The row of a flood with so many values of Secrets."""
    processor = statistics.median(c.processor for c in costs)
    wall = statistics.median(c.wall / run[0].wall for c, run in zip(costs, all_runs, strict=True))
    return (
        f"100 MB of lines, {number} values of Secrets: the supervisor's processor's time, and the"
        " time of all, ratio to none",
        f"{processor:.2f} s, {wall:.2f}",
    )


def main() -> None:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--out", type=Path, default=Path("build/bench/supervisor.md"))
    options = parser.parse_args()
    version = subprocess.run([options.python, "--version"], capture_output=True, text=True)
    with report_stand_in() as gateway, tempfile.TemporaryDirectory() as folder:
        rows = measured(Bench(Path(folder), gateway, options.python), options.rounds, options.steps)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    page = (
        "# What the supervisor costs\n\nMade by `make bench-supervisor`: medians of "
        f"{options.rounds} runs of {options.steps} steps each, bare and supervised in turns.\n\n"
        f"{version.stdout.strip()}, {platform.machine()}, {os.cpu_count()} CPU cores, load {load}.\n\n"
        f"| What | Value |\n| --- | --- |\n{rows}"
    )
    print(page)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(page)


if __name__ == "__main__":
    main()
