"""Tracking servers that are asked by MLflow's own client, and filled by raw requests."""

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
from peers import end
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
    """A tracking server: the address that MLflow's clients are given, and the token."""

    name: str
    uri: str
    token: str | None = None
    database: str | None = None
    """Of an MLflow server, which is filled there."""


class Writer:
    """MLflow's client in a process of its own; it talks to any side."""

    def __init__(self, python: Path) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "PYTHON"))}
        quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ENABLE_ASYNC_LOGGING": "false"}
        self.process = subprocess.Popen(
            [str(python), str(Path(__file__).with_name("writer.py"))], env={**kept, **quiet},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def ask(self, side: Side, do: str, **given: Any) -> None:
        """Begin a call."""
        assert self.process.stdin is not None
        asked = {"uri": side.uri, "token": side.token, "do": do, **given}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """The answer to the call, or that it is ready."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("a client of MLflow ended")
        found: dict[str, Any] = json.loads(line)
        return found

    def call(self, side: Side, do: str, **given: Any) -> dict[str, Any]:
        """Both."""
        self.ask(side, do, **given)
        return self.answer()


@contextmanager
def writers(python: Path, count: int) -> Iterator[list[Writer]]:
    """So many clients that are ready."""
    with ExitStack() as stack:
        made = [Writer(python) for _ in range(count)]
        stack.callback(end, *(one.process for one in made))
        for one in made:
            one.answer()
        yield made


def points_per_second(
    clients: list[Writer], side: Side, runs: list[dict[str, Any]], size: int, names: list[str], seconds: float,
) -> float:  # fmt: skip
    """Values that all clients together have logged in a second, each to a run of its own."""
    for client, run in zip(clients, runs, strict=True):
        given = {"run": run["id"], "size": size, "names": names, "seconds": seconds}
        client.ask(side, "write", **given, first=run["points"])
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


async def filled(side: Side, runs: int, python: Path) -> str:
    """The id of a new experiment with so many runs with params, metrics and a tag each."""
    wire = await Wire.to(side.uri)
    experiment = await _experiment(wire, side)
    wire.close()
    if side.database is not None:
        _fill(python, side.database, "runs", experiment, runs)
        return experiment
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


async def long_history(side: Side, values: int, python: Path) -> str:
    """The id of a run with so many values of `loss`."""
    [run] = await made_runs(side, 1)
    if side.database is not None:
        _fill(python, side.database, "history", run["id"], values)
        return str(run["id"])
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


def _fill(python: Path, database: str, what: str, id: str, count: int) -> None:
    program = Path(__file__).with_name("filling.py")
    subprocess.run([str(python), str(program), database, what, id, str(count)], check=True)


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
