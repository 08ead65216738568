"""`make bench-trainer`: overhead of a step, reporting alone, stall of a checkpoint, start-up, load, each beside others in the same run.

Sides take turns (A B C D, D C B A, …); medians and the ratio to the bare loop are shown, all runs are kept in the JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from gateway_lab import GatewayLab

HERE = Path(__file__).parent
SUPPORT = HERE.parents[1] / "tests" / "support"
START_UP = """
import trainyard_trainer.session, torch
from trainyard_api.training import TrainingConfig
from trainyard_trainer.training import optimizer
model = torch.nn.Linear(2, 1)
steps = optimizer.build(TrainingConfig.model_validate({"task": "tabular-regression"}), model)
model(torch.ones(1, 2)).sum().backward()
steps.step()
"""


SIDES = ["bare", "beside", "trainyard", "mlflow", "lightning"]
"""`beside` is bare too, while another process reports to the gateway as ours does: what its work on the same machine costs."""
REPORTING = ("beside", "trainyard")
SIZES = {"short step": (8, 1), "long step": (2048, 20)}
"""Samples of a step, and by how much fewer steps there are."""


def overhead(pairs: int, steps: int, kubeconfig: Path, sides: Sequence[str]) -> dict[str, Any]:
    """Seconds of each side by round, for short and for long steps; ours reports to a real gateway."""
    sys.path.insert(0, str(SUPPORT))
    from cluster import apply_crds, fresh_namespace
    from gateway_lab import running_gateway

    apply_crds(kubeconfig)
    found = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        fresh_namespace(kubeconfig, "bench") as namespace,
        running_gateway(kubeconfig, namespace, Path(folder)) as gateway,
    ):
        for size, (batch, fewer) in SIZES.items():
            count = steps // fewer
            runs: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
            for turn in range(pairs):
                for side in sides if turn % 2 == 0 else reversed(sides):
                    runs[side].append(_one(side, count, batch, gateway))
                micros = ", ".join(f"{s} {runs[s][-1]['seconds'] / count * 1e6:.0f}" for s in sides)
                print(f"{size}, round {turn + 1} of {pairs}: {micros} µs", flush=True)
            weights = {r["weights"] for side in runs.values() for r in side}
            assert len(weights) == 1, "weights differ"
            found[size] = {"steps": count, "batch": batch, "runs": runs}
    return found


def _one(side: str, steps: int, batch: int, gateway: GatewayLab) -> dict[str, Any]:
    before = _points(gateway)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(HERE / "loops.py"), side, str(steps), str(batch), folder]
        if side in REPORTING:
            with gateway.client() as people:
                session = people.start_training({"command": ["loops.py"]}, f"b-{uuid.uuid4().hex}")
            (Path(folder) / "token").write_text(gateway.trainer(session.uid, session.name).token)
            command += [gateway.url, session.uid]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    line = next((x for x in ended.stdout.splitlines() if x.startswith("RESULT ")), None)
    if line is None:
        raise RuntimeError(f"{side} failed:\n{ended.stdout}\n{ended.stderr}")
    arrived = _points(gateway) - before
    assert arrived == (10 * steps if side in REPORTING else 0), f"{arrived} points arrived"
    found: dict[str, Any] = json.loads(line.removeprefix("RESULT "))
    return found


def _points(gateway: GatewayLab) -> int:
    """Points in the gateway's database."""
    file = gateway.data / "db" / "trainyard.sqlite3"
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        return int(database.execute("SELECT count(*) FROM metrics").fetchone()[0])


def stall(pairs: int, megabytes: int) -> dict[str, list[float]]:
    """Seconds in which the training thread waits for one checkpoint, the first of a run and those that follow; and seconds that its next
    step takes longer in all, since the copy shares the memory with it. A step computes on one core, a checkpoint has the others."""
    import torch

    from trainyard_trainer.checkpoints.folder import CheckpointFolder
    from trainyard_trainer.checkpoints.writer import AsyncCheckpointWriter

    torch.set_num_threads(1)
    model, step = _large_training(megabytes)
    found: dict[str, list[float]] = {"torch.save": []}
    for turn in range(pairs):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            writer = AsyncCheckpointWriter(
                CheckpointFolder(folder / "c"), lambda: None, lambda _: None
            )

            def ours(
                number: int, title: str, bare: float, w: AsyncCheckpointWriter = writer
            ) -> None:
                waits: list[float] = []

                def work() -> None:
                    waits.append(_timed(lambda: w.write(f"step-{number}", number, model())))
                    step(lambda: waits.append(_timed(w.wait_until_staged)))

                longer = _timed(work) - bare
                found.setdefault(title, []).append(sum(waits))
                found.setdefault(f"{title}, longer step", []).append(longer)

            def plain(f: Path = folder) -> None:
                found["torch.save"].append(_timed(lambda: _save(model(), f / "plain.pt")))

            bare = statistics.median(_timed(step) for _ in range(9))
            found.setdefault("a step", []).append(bare)
            ours(0, "trainyard, first", bare)
            writer.wait_until_written()
            sides: list[Callable[[], object]] = [
                plain,
                lambda o=ours, b=bare: o(1, "trainyard", b),
            ]
            for side in sides if turn % 2 == 0 else reversed(sides):
                side()
                writer.wait_until_written()
    return found


def _save(state: dict[str, Any], path: Path) -> None:
    import torch

    with path.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())


def _large_training(
    megabytes: int,
) -> tuple[Callable[[], dict[str, Any]], Callable[..., None]]:
    """State and step of a training whose weights and momentum are so large together."""
    import torch

    width, layers = 1024, megabytes // 8
    model = torch.nn.Sequential(*(torch.nn.Linear(width, width) for _ in range(layers)))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6, momentum=0.9)
    inputs = torch.randn(64, width)

    def state() -> dict[str, Any]:
        return {"model": model.state_dict(), "optimizer": optimizer.state_dict()}

    def step(before_change: Callable[[], None] = lambda: None) -> None:
        optimizer.zero_grad()
        model(inputs).square().mean().backward()
        before_change()
        optimizer.step()

    step()
    return state, step


def start_up(pairs: int) -> dict[str, list[float]]:
    """Seconds from the interpreter's start to `import torch`, and to the trainer's first step."""
    programs = {"import torch": "import torch", "first step": START_UP}
    found: dict[str, list[float]] = {name: [] for name in programs}
    for turn in range(pairs + 1):
        order = list(programs) if turn % 2 == 0 else list(reversed(programs))
        for name in order:
            seconds = _timed(
                lambda n=name: subprocess.run([sys.executable, "-c", programs[n]], check=True)
            )
            if turn > 0:  # the first round fills the file cache
                found[name].append(seconds)
    return found


def load(pairs: int, rows: int) -> dict[str, list[float]]:
    """Seconds to read a CSV of 20 columns, and from there until a thread has kept them for the second time."""
    import pandas as pd

    sys.path.insert(0, str(SUPPORT))
    from poll import eventually

    from trainyard_data import tables
    from trainyard_data.inspection import inspect

    sides = ("pandas", "first load", "keeping", "second load")
    found: dict[str, list[float]] = {side: [] for side in sides}
    with tempfile.TemporaryDirectory() as name:
        path, cache = Path(name) / "t.csv", Path(name) / "c.arrow"
        values = np.random.default_rng(0).normal(size=(rows, 20))
        pd.DataFrame(values, columns=[f"x{i}" for i in range(20)]).to_csv(path, index=False)
        schema = inspect(path, "csv")

        def read() -> dict[str, tables.Column]:
            return tables.read(path, "csv", schema, [f"x{i}" for i in range(20)], cache=cache)

        for _ in range(pairs):
            found["pandas"].append(_timed(lambda: pd.read_csv(path)))
            cache.unlink(missing_ok=True)
            found["first load"].append(_timed(read))
            found["keeping"].append(_timed(lambda: eventually(cache.is_file, every=0.001)))
            found["second load"].append(_timed(read))
        ours = read()
        assert np.array_equal(np.stack([np.asarray(c) for c in ours.values()], 1), values)
    return found


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        work()
    return time.perf_counter() - began


PARTS = ("overhead", "interleaved", "stall", "start_up", "load")
GOALS = {
    "checkpoint stall, trainyard": 0.05,
    "start-up, first step": 1.1,
    "CSV, first load": 0.1,
    "CSV, second load": 0.01,
}
"""The highest ratio that is good; a step has its own, since it may cost 1 % or 10 µs."""


def _interleaved(blocks: int) -> dict[str, Any]:
    # Beside this file, and with torch, which the other parts start without.
    from interleaved import interleaved

    return interleaved(blocks, SIZES["short step"][0])


def machine() -> dict[str, Any]:
    """Processor, cores, memory, versions, date, and what else kept the machine busy."""
    info = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((x.split(":", 1)[1].strip() for x in info if x.startswith("model name")), "?")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    import torch

    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memoryGiB": round(memory / 2**30, 1),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "loadAverage": round(os.getloadavg()[0], 1),
    }


def report(results: dict[str, Any]) -> str:
    """Markdown of the medians."""
    before, after = results["machine"], results["machineAfterwards"]
    lines = [
        f"{before['cpu']}, {before['cores']} cores, {before['memoryGiB']} GiB; Python {before['python']},"
        f" torch {before['torch']}; {before['date']}; {results['pairs']} rounds;"
        f" load average {before['loadAverage']} before and {after['loadAverage']} after.",
        "",
        "| Measured | Median | Ratio | Goal | Reached |",
        "|---|---:|---:|---:|---|",
    ]
    for size, measured in results.get("overhead", {}).items():
        lines += _steps(size, measured)
    if "interleaved" in results:
        lines.append(_added(results["interleaved"]))
    for title, name, base in (
        ("checkpoint stall", "stall", "torch.save"),
        ("start-up", "start_up", "import torch"),
        ("CSV", "load", "pandas"),
    ):
        medians = {k: statistics.median(v) for k, v in results.get(name, {}).items()}
        for side, median in medians.items():
            ratio, wanted = median / medians[base], GOALS.get(f"{title}, {side}")
            goal = (
                (f"≤ {wanted:g}", "yes" if ratio <= wanted else "no")
                if wanted is not None
                else ("", "")
            )
            lines.append(
                f"| {title}, {side} | {median * 1e3:.1f} ms | {ratio:.4f} × {base} | {goal[0]} | {goal[1]} |"
            )
    return "\n".join(lines) + "\n"


def _steps(size: str, found: dict[str, Any]) -> list[str]:
    lines = []
    runs, steps = found["runs"], found["steps"]
    bare = statistics.median(r["seconds"] for r in runs["bare"]) / steps * 1e6
    for side, measured in runs.items():
        median = statistics.median(r["seconds"] for r in measured) / steps * 1e6
        extra = [a["seconds"] - b["seconds"] for a, b in zip(measured, runs["bare"], strict=True)]
        micros = statistics.median(extra) / steps * 1e6
        # Where a step takes 5 ms or more, 1 % of it; below that, 10 µs.
        wanted, good = (
            ("≤ 1 %", micros <= bare / 100) if bare >= 5000 else ("≤ 10 µs", micros <= 10)
        )
        goal = (wanted, "yes" if good else "no") if side == "trainyard" else ("", "")
        lines.append(
            f"| {size}, {side} | {median:.0f} µs ({micros:+.0f} µs) | {median / bare:.3f} × bare | {goal[0]} | {goal[1]} |"
        )
    return lines


def _added(found: dict[str, Any]) -> str:
    from interleaved import added

    mean, error = added(found["bare"], found["reporting"])
    bare, sender = statistics.median(found["bare"]), found["sender"]
    return (
        f"| reporting alone, in turns with the bare loop of {bare:.0f} µs | {mean:+.1f} ± {error:.1f} µs"
        f" (sender's thread: {sender:.1f} µs) | {1 + mean / bare:.3f} × bare | | |"
    )


def main() -> None:
    """Measure everything and write table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, help="a cluster's, for the gateway of the steps")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES, metavar="SIDE")
    parser.add_argument("--blocks", type=int, default=1000, help="of twenty steps, for each side")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--megabytes", type=int, default=200, help="size of the checkpoint")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART")
    parser.add_argument("--out", type=Path, default=HERE.parent / "results")
    options = parser.parse_args()
    if "bare" not in options.sides:
        parser.error("--sides needs bare, with which the others are compared")
    if "overhead" in options.only and options.kubeconfig is None:
        parser.error("overhead reports to a real gateway, whose API server --kubeconfig names")
    results: dict[str, Any] = {"pairs": options.pairs, "machine": machine()}
    parts: dict[str, Callable[[], Any]] = {
        "overhead": lambda: overhead(
            options.pairs, options.steps, options.kubeconfig, options.sides
        ),
        "interleaved": lambda: _interleaved(options.blocks),
        "stall": lambda: stall(options.pairs, options.megabytes),
        "start_up": lambda: start_up(options.pairs),
        "load": lambda: load(options.pairs, options.rows),
    }
    results |= {name: parts[name]() for name in PARTS if name in options.only}
    results["machineAfterwards"] = machine()
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "trainer.json").write_text(json.dumps(results, indent=1) + "\n")
    (options.out / "trainer.md").write_text(report(results))
    print(report(results))


if __name__ == "__main__":
    main()
