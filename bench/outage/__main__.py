"""A program logs by MLflow's client while the gateway is away for an hour: what its steps cost, and whether all arrives once.

The program runs under the supervisor, as in a pod, and calls `MlflowClient.log_batch` at each step with `--metrics` values. The gateway
is a stand-in behind a door: it is there for `--before` seconds, away for `--away`, and there again until the relay has sent all. The
program then ends. Steps come at an even pace, so that an hour at 14 steps a second and 20 values a step are a million values.

`make bench-outage` writes `bench/results/outage.json`. On a machine with other work, `BENCH="--rounds 6 --before 20 --away 20"` compares
better: what the machine does besides then hits both phases.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "bench" / "operator")]

import machine  # noqa: E402  # found by the line above
from mlflow_clients import installed  # noqa: E402  # as above
from poll import eventually  # noqa: E402  # as above
from report_stand_in import ReportStandIn, report_stand_in  # noqa: E402  # as above
from supervisor_lab import SupervisorLab, attempt_json  # noqa: E402  # as above
from tcp_door import TcpDoor  # noqa: E402  # as above

from trainyard_api import contract  # noqa: E402  # as above

UID = "01234567-89ab-4def-8123-456789abcdef"
RUN = UID.replace("-", "")
BOUND_MS = 10.0
"""What a step may be slower by."""
PROGRAM = """
import json, sys, time
import mlflow
from mlflow.entities import Metric
pace, metrics, seconds, file = float(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
names = [f"m{n}" for n in range(metrics)]
client, step, taken = mlflow.MlflowClient(), 0, []
with mlflow.start_run() as run:
    open(file + ".begun", "w").close()
    began = time.time()
    while time.time() - began < seconds:
        values = [Metric(name, step / 7, int(time.time() * 1000), step) for name in names]
        before = time.perf_counter()
        client.log_batch(run.info.run_id, values)
        taken.append((time.time(), time.perf_counter() - before))
        step += 1
        time.sleep(max(0.0, began + step * pace - time.time()))
json.dump(taken, open(file, "w"))
"""


def main() -> None:
    """Measure, print and write."""
    options = _options()
    with (
        tempfile.TemporaryDirectory(prefix="bench-outage-") as folder,
        report_stand_in() as gateway,
        TcpDoor("127.0.0.1", int(gateway.url.rpartition(":")[2])) as door,
    ):
        found = measured(Path(folder), gateway, door, options)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


def measured(
    folder: Path, gateway: ReportStandIn, door: TcpDoor, options: argparse.Namespace
) -> dict[str, Any]:
    """The figures of one run."""
    there, file = SupervisorLab(folder, gateway), folder / "taken.json"
    there.environment |= {
        contract.ENV_RUN: attempt_json(uid=UID, session="mine"),
        contract.ENV_GATEWAY_URL: f"http://127.0.0.1:{door.port}",
        "PYTHONPATH": str(installed("newest")),
        "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    seconds = options.rounds * (options.before + options.away) + options.after
    given = (1 / options.rate, options.metrics, seconds, file)
    process = there.start(sys.executable, "-c", PROGRAM, *map(str, given))
    eventually(Path(f"{file}.begun").exists, within=120, what="the first step")
    away: list[tuple[float, float]] = []
    most = 0
    for _ in range(options.rounds):
        time.sleep(options.before)
        door.shut()
        shut = time.time()
        time.sleep(options.away)
        most = max(most, _bytes_below(folder))
        door.open()
        away.append((shut, time.time()))
    ended = there.end(process, seconds=options.after + 600)
    if ended.code != 0:
        raise SystemExit(ended.err.decode()[-2000:])
    taken = json.loads(file.read_text())
    phases = {
        "gateway there": [s for at, s in taken if not _within(at, away)],
        "gateway away": [s for at, s in taken if _within(at, away)],
    }
    usual = statistics.median(phases["gateway there"])
    return {
        "machine": machine.shape(),
        "seconds without a gateway": round(sum(to - since for since, to in away), 1),
        "values": len(taken) * options.metrics,
        **counted(gateway, len(taken), options.metrics),
        "MiB in the run folder at the end of an outage": round(most / 2**20, 1),
        "ms of a step's call": {name: _figures(times, usual) for name, times in phases.items()},
    }


def counted(gateway: ReportStandIn, steps: int, metrics: int) -> dict[str, int]:
    """How many values did not come, came twice, or were never logged."""
    got = Counter((key, step, value) for key, step, value in gateway.points(RUN))
    wanted = {(f"m{n}", step, step / 7) for step in range(steps) for n in range(metrics)}
    return {
        "lost": len(wanted - got.keys()),
        "doubled": sum(count - 1 for count in got.values()),
        "never logged": len(got.keys() - wanted),
    }


def _figures(times: list[float], usual: float) -> dict[str, float]:
    ordered = sorted(1000 * t for t in times) or [0.0]
    return {
        "calls": len(times),
        "median": round(statistics.median(ordered), 2),
        "p99": round(ordered[int(len(ordered) * 0.99)], 2),
        "max": round(ordered[-1], 2),
        f"slower by more than {BOUND_MS:g} ms": sum(t > 1000 * usual + BOUND_MS for t in ordered),
    }


def _within(at: float, spans: list[tuple[float, float]]) -> bool:
    return any(since <= at < to for since, to in spans)


def _bytes_below(folder: Path) -> int:
    found = 0
    for place, _, files in os.walk(folder):
        for name in files:
            try:
                found += (Path(place) / name).stat().st_size
            except FileNotFoundError:
                continue
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="outages one after the other")
    parser.add_argument("--before", type=float, default=120, help="seconds with a gateway")
    parser.add_argument("--away", type=float, default=3600, help="seconds without one")
    parser.add_argument("--after", type=float, default=120, help="seconds with it again")
    parser.add_argument("--rate", type=float, default=14, help="steps a second")
    parser.add_argument("--metrics", type=int, default=20, help="values of a step")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "outage.json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
