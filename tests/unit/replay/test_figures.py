"""Figures of a replay, by hand."""

from __future__ import annotations

import pytest

from replay.event_loop import Estimate, Record, World
from replay.figures import busy_share, estimates_of, fairness, quantile, summary, waits
from replay.workload import Work


def record(uid: str, gpus: int, waited: float, user: str = "ann", seconds: float = 600) -> Record:
    return Record(Work(uid, 0.0, seconds, gpus, user, 1, 1e6), waited=waited)


def test_waits_by_size() -> None:
    found = waits([record("a", 1, 10), record("b", 1, 30), record("c", 2, 5), record("d", 8, 100)])

    assert found["meanWait.all"] == 145 / 4
    assert (found["meanWait.small"], found["wait95.small"]) == (20, 30)
    assert (found["wait95.medium"], found["wait95.large"]) == (5, 100)
    assert found["meanWait.largest"] == 100


def test_only_what_lies_in_the_window_is_busy() -> None:
    world = World(0.0, {"n": (110, 0, 0, 4)}, {})
    world.busy = [(0.0, 4), (10.0, 2), (20.0, 0)]

    assert busy_share(world, 5.0, 25.0) == (5 * 4 + 10 * 2) / (20 * 4)


@pytest.mark.parametrize(
    ("waits_of", "index"),
    [((600.0, 600.0), 1.0), ((0.0, 1200.0), 16 / 20)],
    ids=["equal", "uneven"],
)
def test_fairness(waits_of: tuple[float, float], index: float) -> None:
    records = [record(f"{i}", 1, w, user=f"u{i}") for i, w in enumerate(waits_of)]

    assert fairness(records) == pytest.approx(index)


def test_estimates() -> None:
    told = [
        Estimate("a", 0.0, True, 50.0, 150.0),
        Estimate("b", 0.0, True, 400.0, 600.0),
        Estimate("c", 0.0, True, None, 1000.0),
        Estimate("d", 0.0, True, None, None),
    ]
    found = estimates_of(list(zip(told, (120.0, 900.0, 10.0, 5.0), strict=True)), "x")

    assert found["x.known"] == 0.75
    assert (found["x.medianError"], found["x.error90"]) == (400, 490)
    assert found["x.coverage"] == pytest.approx(2 / 3)
    assert found["x.medianWidth"] == 200
    assert estimates_of([], "x") == {}


@pytest.mark.parametrize(("share", "want"), [(0.0, 1), (0.5, 2), (0.95, 4), (1.0, 4)])
def test_quantile(share: float, want: float) -> None:
    assert quantile([4, 1, 3, 2], share) == want


def test_summary_gives_the_interval_of_the_mean() -> None:
    found = summary([{"x": 1.0}, {"x": 3.0}, {"y": 5.0}])

    assert found["x"]["mean"] == 2
    assert found["x"]["high"] - found["x"]["mean"] == pytest.approx(12.706)
    assert found["y"] == {"mean": 5.0, "low": 5.0, "high": 5.0}
