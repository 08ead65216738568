"""What is measured with MLflow's own client: how fast it writes, and how long it reads.

Three servers in turn: the gateway, MLflow's own, and one that does nothing, which shows what the client can do at best.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import uvloop
from comparing import Cost, bounded, compared, progress
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


class Sides(NamedTuple):
    """The servers, and the processes of the first two."""

    ours: Side
    peer: Side
    nothing: Side
    pids: tuple[int, int]

    def in_turn(self, turn: int) -> list[int]:
        """The numbers of the servers, each first in some turns."""
        return [(turn + place) % 3 for place in range(3)]


def writes(options: argparse.Namespace, sides: Sides) -> Iterator[tuple[str, dict[str, Any]]]:
    """Values per second by the number of clients and the size of batches."""
    names = [f"metric-{n}" for n in range(options.metrics)]
    for count in options.writers:
        with writers(_python(options), count) as clients:
            runs = [uvloop.run(made_runs(side, count)) for side in sides[:2]]
            runs.append([{**run, "points": 0} for run in runs[0]])
            for size in options.batches:
                what = f"{count} writer{'s' if count > 1 else ''}, batches of {size}"
                rounds: list[tuple[float, float, float]] = []
                costs: list[tuple[float, float]] = []
                for number in range(options.pairs + 1):
                    rates, cost = [0.0] * 3, [0.0] * 3
                    for side in sides.in_turn(number):
                        watched = Cost(sides.pids[side]) if side < 2 else nullcontext()
                        with watched:
                            rates[side] = points_per_second(
                                clients, sides[side], runs[side], size, names, options.seconds
                            )
                        if isinstance(watched, Cost):
                            cost[side] = watched.per(rates[side])
                    # The first round warms all up.
                    if number:
                        rounds.append((rates[0], rates[1], rates[2]))
                        costs.append((cost[0], cost[1]))
                        progress(what, rates[0], rates[1], f"values/s, at most {rates[2]:,.4g}")
                one = bounded(rounds, "values/s")
                one["server CPU"] = compared(costs, "µs/value", smaller_is_better=True)
                yield what, one


def searches(
    options: argparse.Namespace, sides: Sides, kept: Path
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Seconds of searches."""
    with _ids(kept) as ids:
        for side in sides[:2]:
            if (number := f"{side.name}: {options.runs} runs") not in ids:
                ids[number] = uvloop.run(filled(side, options.runs, _python(options)))
        found = [ids[f"{side.name}: {options.runs} runs"] for side in sides[:2]]
    if options.fill:
        return
    with writers(_python(options), 1) as clients:
        for name, (condition, order, most) in SEARCHES.items():
            given = {"filter": condition, "order": order, "most": most}
            asked = [{"experiment": id, **given} for id in (*found, found[0])]
            what = f"search over {options.runs:,} runs: {name}"
            yield what, _read(options, clients[0], sides, (what, "search", "runs"), asked)


def history(
    options: argparse.Namespace, sides: Sides, kept: Path
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Seconds of a long history."""
    with _ids(kept) as ids:
        for side in sides[:2]:
            if (number := f"{side.name}: {options.values} values") not in ids:
                ids[number] = uvloop.run(long_history(side, options.values, _python(options)))
        found = [ids[f"{side.name}: {options.values} values"] for side in sides[:2]]
    if options.fill:
        return
    with writers(_python(options), 1) as clients:
        asked = [{"run": run, "metric": "loss"} for run in (*found, found[0])]
        what = f"history of {options.values:,} values"
        yield what, _read(options, clients[0], sides, (what, "history", "values"), asked)


def _read(
    options: argparse.Namespace, client: Writer, sides: Sides, names: tuple[str, str, str], asked: list[dict[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    what, do, counted = names
    # Once before: the server that does nothing learns the answers.
    client.call(sides.nothing, do, **asked[2])
    rounds: list[tuple[float, float, float]] = []
    for number in range(options.pairs):
        seconds, counts = [0.0] * 3, [0] * 3
        for side in sides.in_turn(number):
            answer = client.call(sides[side], do, **asked[side])
            seconds[side], counts[side] = answer["seconds"], answer[counted]
        if len(set(counts)) > 1:
            raise SystemExit(f"{what}: the gateway, mlflow and the third have {counts}")
        rounds.append((seconds[0], seconds[1], seconds[2]))
        progress(what, seconds[0], seconds[1], f"s, at least {seconds[2]:,.4g}")
    return bounded(rounds, "s", smaller_is_better=True)


@contextmanager
def _ids(kept: Path) -> Iterator[dict[str, str]]:
    """The ids of what the databases hold, in a file beside them."""
    file = kept / "filled.json"
    ids = json.loads(file.read_text()) if file.exists() else {}
    yield ids
    file.write_text(json.dumps(ids, indent=2))


def _python(options: argparse.Namespace) -> Path:
    return Path(options.mlflow / "python")
