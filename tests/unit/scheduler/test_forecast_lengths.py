"""Start intervals by what earlier sessions tell, as a truth table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from operator_state import INSTALLATION, NOW, node, shape

from trainyard_scheduler.assumptions import Soonest
from trainyard_scheduler.durations.history import RunHistory, reference_classes
from trainyard_scheduler.facts import Allocation, QueueRules, Request
from trainyard_scheduler.forecast import QueueForecast
from trainyard_scheduler.resources import minus
from trainyard_scheduler.snapshot import Snapshot
from trainyard_scheduler.waiting_queue import waiting_queues

KIND = reference_classes(1, "", 4)
OTHER = reference_classes(2, "bob", 1)


def past(*runs: int) -> RunHistory:
    found = RunHistory()
    for number, seconds in enumerate(runs):
        found.put(f"s{number}", KIND, float(number), seconds)
    return found


def runs(name: str, ran: float, gpus: int = 4, **more: Any) -> Allocation:
    fields = {"classes": KIND, "started": NOW - ran, "shape": shape(gpus), **more}
    return Allocation(name, "default", "", 0, NOW - 9000, nodes=("n1",), **fields)


def starts(
    history: RunHistory, *running: Allocation, ahead: Request | None = None
) -> tuple[float | None, float | None]:
    """Seconds from now between which a session of four GPUs starts behind these."""
    asks = Request("x", "x", "default", "", 0, NOW, shape(4), classes=KIND)
    free = node("n1", 4).allocatable
    for allocation in running:
        free = minus(free, allocation.shape.worker)
    snapshot = Snapshot(
        nodes={"n1": node("n1", 4)},
        free={"n1": free},
        runtimes=INSTALLATION.runtimes,
        queues={"default": QueueRules("default")},
        allocations=running,
        waiting=waiting_queues([r for r in (ahead, asks) if r], INSTALLATION.policy),
        history=history,
    )
    found = QueueForecast(snapshot, NOW).position(asks)
    earliest, latest = (None if t is None else t - NOW for t in (found.earliest, found.latest))
    return earliest, latest


NINE = past(*range(100, 1000, 100))
FEW = past(100, 200)


@pytest.mark.parametrize(
    ("history", "running", "wanted"),
    [
        pytest.param(FEW, runs("a", 50), (None, None), id="two tell nothing"),
        pytest.param(FEW, runs("a", 50, eta_seconds=70.0), (70, None), id="two, and a step rate"),
        pytest.param(NINE, runs("a", 50), (50, 850), id="nine tell both ends"),
        pytest.param(NINE, runs("a", 50, eta_seconds=20.0), (20, 850), id="a step rate is sooner"),
        pytest.param(NINE, runs("a", 50, eta_seconds=70.0), (50, 850), id="some end before goals"),
        pytest.param(NINE, runs("a", 50, limit=NOW + 99), (50, 99), id="a limit is sooner"),
        pytest.param(NINE, runs("a", 50, limit=NOW + 9999), (50, 850), id="a limit is later"),
        pytest.param(NINE, runs("a", 20, ran_seconds=30.0), (50, 850), id="earlier attempts count"),
        pytest.param(NINE, runs("a", 950), (0, None), id="it has outlived all: at any time"),
        pytest.param(NINE, runs("a", 950, limit=NOW + 9), (0, 9), id="then only its limit tells"),
        pytest.param(NINE, runs("a", 50, classes=OTHER), (50, 850), id="all, as its kind is new"),
        pytest.param(NINE, runs("a", 50, started=None), (100, 900), id="it still starts"),
        pytest.param(NINE, runs("a", 50, leaving=True), (0, 60), id="it leaves"),
    ],
)
def test_between_which_times_it_starts(
    history: RunHistory, running: Allocation, wanted: tuple[float | None, float | None]
) -> None:
    assert starts(history, running) == wanted


def test_a_session_ahead_runs_as_long_as_its_kind_does() -> None:
    first = Request("w", "w", "default", "", 0, NOW - 9, shape(4), classes=KIND, ran_seconds=50)

    assert starts(NINE, runs("a", 50), ahead=first) == (50 + 50, 850 + 850)
    assert starts(NINE, runs("a", 50), ahead=replace(first, limit_seconds=99.0)) == (100, 949)


def test_the_first_of_many_ends_soon() -> None:
    """The chances of the ends rise from the first to the last by Simes' inequality."""
    many = past(*range(100, 10100, 100))
    running = tuple(runs(f"r{n}", 0, gpus=1, started=NOW) for n in range(4))
    snapshot = Snapshot({}, {}, {}, {}, running, history=many)
    soonest = Soonest(snapshot, snapshot.lengths(NOW), NOW)

    assert [soonest.end(a) - NOW for a in running] == [200, 500, 700, 1000]
    assert soonest.length(Request("x", "x", "q", "", 0, NOW, shape(4), classes=KIND)) == 200
