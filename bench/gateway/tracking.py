"""The gateway's MLflow door beside an MLflow server: both are asked by MLflow's own client, and filled by raw requests."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from wire import Wire, post

AT_ONCE = 8
"""Requests under way while a side is filled."""
PARAMS, METRICS = 5, 5
"""Of each run that a search finds."""
SEARCHES = {
    "all runs": ("", [], 1_000_000),
    "the best 100 by a metric": ("", ["metrics.m0 ASC"], 100),
    "100 by a metric and a param": ("metrics.m0 < 0.5 and params.p1 = '3'", [], 100),
    "100 by a tag, the newest first": ("tags.team = 'vision'", ["attributes.start_time DESC"], 100),
}
"""Filter, order and how many runs are read."""


@dataclass(frozen=True)
class Side:
    """One of both: the address that MLflow's clients are given, and the token."""

    name: str
    uri: str
    token: str | None = None

    def environment(self) -> dict[str, str]:
        """What its clients have."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "PYTHON"))}
        token = {"MLFLOW_TRACKING_TOKEN": self.token} if self.token else {}
        quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ENABLE_ASYNC_LOGGING": "false"}
        return {**kept, **quiet, "MLFLOW_TRACKING_URI": self.uri, **token}


class Writer:
    """MLflow's client in a process of its own."""

    def __init__(self, python: Path, side: Side) -> None:
        self.process = subprocess.Popen(
            [str(python), str(Path(__file__).with_name("writer.py"))], env=side.environment(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def ask(self, do: str, **given: Any) -> None:
        """Begin a call."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **given}) + "\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """The answer to the call, or that it is ready."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("a client of MLflow ended")
        found: dict[str, Any] = json.loads(line)
        return found

    def call(self, do: str, **given: Any) -> dict[str, Any]:
        """Both."""
        self.ask(do, **given)
        return self.answer()


@contextmanager
def writers(python: Path, side: Side, count: int) -> Iterator[list[Writer]]:
    """So many clients that are ready."""
    with ExitStack() as stack:
        made = [Writer(python, side) for _ in range(count)]
        for one in made:
            stack.callback(one.process.wait, 30)
            stack.callback(one.process.terminate)
        for one in made:
            one.answer()
        yield made


def points_per_second(
    clients: list[Writer], runs: list[dict[str, Any]], size: int, names: list[str], seconds: float
) -> float:
    """Values that all clients together have logged in a second, each to a run of its own."""
    for client, run in zip(clients, runs, strict=True):
        client.ask(
            "write", run=run["id"], size=size, names=names, seconds=seconds, first=run["points"]
        )
    rate = 0.0
    for client, run in zip(clients, runs, strict=True):
        found = client.answer()
        run["points"] += found["values"]
        rate += found["values"] / found["seconds"]
    return rate


async def made_runs(side: Side, count: int) -> list[dict[str, Any]]:
    """Runs of a new experiment, as `load.mlflow_runs` gives them."""
    wire = await Wire.to(side.uri)
    try:
        experiment = await _experiment(wire, side)
        return [{"id": await _run(wire, side, experiment, {}), "points": 0} for _ in range(count)]
    finally:
        wire.close()


async def filled(side: Side, runs: int) -> str:
    """The id of a new experiment with so many runs with params, metrics and a tag each."""
    wire = await Wire.to(side.uri)
    experiment = await _experiment(wire, side)
    wire.close()
    left = iter(range(runs))

    async def some() -> None:
        own = await Wire.to(side.uri)
        for number in left:
            team = ("vision", "speech")[number % 2]
            made = {"start_time": number, "tags": [{"key": "team", "value": team}]}
            run = await _run(own, side, experiment, made)
            await _ask(own, side, "runs/log-batch", {
                "run_id": run,
                "params": [{"key": f"p{k}", "value": str((number + k) % 7)} for k in range(PARAMS)],
                "metrics": [
                    {"key": f"m{k}", "value": (number * 7919 + k) % 1000 / 1000, "timestamp": 1, "step": 1}
                    for k in range(METRICS)
                ],
            })  # fmt: skip
        own.close()

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    return experiment


async def long_history(side: Side, values: int) -> str:
    """The id of a run with so many values of `loss`."""
    [run] = await made_runs(side, 1)
    left = iter(range(0, values, 1000))

    async def some() -> None:
        own = await Wire.to(side.uri)
        for first in left:
            steps = range(first, min(first + 1000, values))
            metrics = [{"key": "loss", "value": s / 7, "timestamp": s, "step": s} for s in steps]
            await _ask(own, side, "runs/log-batch", {"run_id": run["id"], "metrics": metrics})
        own.close()

    await asyncio.gather(*(some() for _ in range(2)))
    return str(run["id"])


async def _experiment(wire: Wire, side: Side) -> str:
    made = await _ask(wire, side, "experiments/create", {"name": os.urandom(6).hex()})
    return str(made["experiment_id"])


async def _run(wire: Wire, side: Side, experiment: str, more: dict[str, Any]) -> str:
    fields = {"experiment_id": experiment, "start_time": 0, **more}
    made = await _ask(wire, side, "runs/create", fields)
    return str(made["run"]["info"]["run_id"])


async def _ask(wire: Wire, side: Side, what: str, fields: dict[str, Any]) -> Any:
    place = f"{side.uri}/api/2.0/mlflow/{what}"
    status, answer = await wire.ask(post(place, orjson.dumps(fields), side.token))
    if status != 200:
        raise SystemExit(f"{side.name} answered {what} with {status}: {answer.decode()[:500]}")
    return orjson.loads(answer)
