"""What is measured with MLflow's own client: how fast it writes, and how long it reads."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import uvloop
from comparing import Cost, compared, progress
from tracking import (
    SEARCHES,
    Side,
    Writer,
    filled,
    long_history,
    made_runs,
    points_per_second,
    writers,
)


def writing(
    options: argparse.Namespace, sides: list[Side], pids: list[int]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Values per second by the number of clients and the size of batches."""
    names = [f"metric-{n}" for n in range(options.metrics)]
    for count in options.writers:
        with ExitStack() as stack:
            clients = [stack.enter_context(writers(_python(options), s, count)) for s in sides]
            runs = [uvloop.run(made_runs(s, count)) for s in sides]
            for size in options.batches:
                what = (
                    f"{count} writers, batches of {size}"
                    if count > 1
                    else f"1 writer, batches of {size}"
                )
                pairs, costs = [], []
                for number in range(options.pairs + 1):
                    rates, cost = [], []
                    for side in range(2):
                        with Cost(pids[side]) as spent:
                            rates.append(
                                points_per_second(
                                    clients[side], runs[side], size, names, options.seconds
                                )
                            )
                        cost.append(spent.per(rates[-1]))
                    # The first pair warms both up.
                    if number:
                        pairs.append((rates[0], rates[1]))
                        costs.append((cost[0], cost[1]))
                        progress(what, rates[0], rates[1], "values/s")
                one = compared(pairs, "values/s")
                one["server CPU"] = compared(costs, "µs/value", smaller_is_better=True)
                yield what, one


def reading(options: argparse.Namespace, sides: list[Side]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Seconds of searches and of a long history."""
    with ExitStack() as stack:
        clients = [stack.enter_context(writers(_python(options), s, 1))[0] for s in sides]
        experiments = [uvloop.run(filled(side, options.runs)) for side in sides]
        for name, (condition, order, most) in SEARCHES.items():
            asked = [
                {"experiment": e, "filter": condition, "order": order, "most": most}
                for e in experiments
            ]
            what = f"search over {options.runs:,} runs: {name}"
            yield what, _read(options, clients, what, "search", asked, "runs")
        runs = [uvloop.run(long_history(side, options.values)) for side in sides]
        asked = [{"run": run, "metric": "loss"} for run in runs]
        what = f"history of {options.values:,} values"
        yield what, _read(options, clients, what, "history", asked, "values")


def _read(
    options: argparse.Namespace, clients: list[Writer], what: str, do: str, asked: list[dict[str, Any]], counted: str,
) -> dict[str, Any]:  # fmt: skip
    pairs = []
    for _ in range(options.pairs):
        ours, theirs = (c.call(do, **given) for c, given in zip(clients, asked, strict=True))
        if ours[counted] != theirs[counted]:
            raise SystemExit(f"{what}: the gateway has {ours[counted]}, mlflow {theirs[counted]}")
        pairs.append((ours["seconds"], theirs["seconds"]))
        progress(what, ours["seconds"], theirs["seconds"], "s")
    return compared(pairs, "s", smaller_is_better=True)


def _python(options: argparse.Namespace) -> Path:
    return Path(options.mlflow / "python")
