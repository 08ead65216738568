"""Survival curves by hand, and what a history says through them."""

from __future__ import annotations

import pytest

from trainyard_scheduler.durations.history import RUNS_COUNTED, RunHistory, reference_classes
from trainyard_scheduler.durations.lengths import FEWEST, Lengths
from trainyard_scheduler.durations.survival import SurvivalCurve

TEN_TO_NINETY = tuple(float(n) for n in range(10, 100, 10))
CLASSES = reference_classes(1, "ann", 2)


@pytest.mark.parametrize(
    ("ended", "running", "shares"),
    [
        pytest.param((), (), (), id="nothing"),
        pytest.param((10, 20, 20, 40), (), (3 / 4, 1 / 4, 0), id="all have ended"),
        pytest.param((10, 30), (20,), (2 / 3, 0), id="one left the risk set in between"),
        pytest.param((10, 30), (40,), (2 / 3, 1 / 3), id="one outlives them all"),
        pytest.param((10, 30), (10,), (2 / 3, 0), id="one that runs as long was at risk"),
        pytest.param((10,), (5,), (0,), id="one that had just started says nothing"),
    ],
)
def test_shares(
    ended: tuple[int, ...], running: tuple[int, ...], shares: tuple[float, ...]
) -> None:
    curve = SurvivalCurve.of(ended, running)

    assert curve.shares == pytest.approx(shares)
    assert curve.times == tuple(sorted(set(ended)))


@pytest.mark.parametrize(
    ("ran", "miss", "shortest", "longest"),
    [
        pytest.param(0, 0.1, 10, 90, id="nine are enough for one in ten"),
        pytest.param(0, 0.2, 20, 80, id="more may be missed"),
        pytest.param(0, 0.5, 50, 50, id="the median"),
        pytest.param(0, 0.05, 0, None, id="nine are too few for one in twenty"),
        pytest.param(10, 0.1, 10, None, id="eight ran longer"),
        pytest.param(50, 0.25, 60, 90, id="four ran longer, nobody knows more"),
        pytest.param(50, 0.2, 60, 90, id="one in five of four"),
        pytest.param(90, 0.2, 90, None, id="it has outlived them all"),
    ],
)
def test_bounds(ran: float, miss: float, shortest: float, longest: float | None) -> None:
    curve = SurvivalCurve.of(TEN_TO_NINETY)

    assert (curve.shortest(miss, ran), curve.longest(miss, ran)) == (shortest, longest)


def test_many_that_still_run_make_the_longest_unknown() -> None:
    assert SurvivalCurve.of(TEN_TO_NINETY, [100.0] * 9).longest(0.1) is None


def history(*runs: int, classes: tuple[tuple[str | int, ...], ...] = CLASSES) -> RunHistory:
    found = RunHistory()
    for number, seconds in enumerate(runs):
        found.put(f"s{number}", classes, float(number), seconds)
    return found


def test_the_most_specific_class_that_tells_is_asked() -> None:
    found = history(*[10 * n for n in range(1, 10)])
    for number in range(20):
        found.put(f"other{number}", reference_classes(2, "bob", 2), 0.0, 1000 + number)
    lengths = Lengths(found)

    assert lengths.longest(CLASSES, 0) == 90, "its kind"
    assert lengths.longest(reference_classes(3, "ann", 2), 0) == 90, "its user and GPUs"
    assert lengths.longest(reference_classes(3, "eve", 2), 0) == 1017, "its GPUs"
    assert lengths.longest(CLASSES, 50) == 1018, "few of its kind run so long"
    assert lengths.longest(reference_classes(3, "eve", 4), 0) == 1017, "all"
    assert lengths.longest(CLASSES, 2000) is None
    assert lengths.shortest(CLASSES, 50) == 70
    assert lengths.shortest(CLASSES, 2000) == 2000, "it may end at any time"


def test_too_short_a_history_says_nothing() -> None:
    lengths = Lengths(history(*range(1, FEWEST)))

    assert (lengths.shortest(CLASSES, 0), lengths.longest(CLASSES, 0)) == (None, None)


def test_what_runs_counts_for_as_long_as_it_has() -> None:
    ended = history(*[10] * 17, 20, 30)

    assert Lengths(ended).longest(CLASSES, 0) == 20
    assert Lengths(ended, [(CLASSES, 25.0)] * 3).longest(CLASSES, 0) == 30


def test_the_last_to_end_count_in_whatever_order_they_come() -> None:
    found = RunHistory()
    for number in reversed(range(2 * RUNS_COUNTED)):
        found.put(f"s{number}", CLASSES, float(number), number)

    assert list(found.run_seconds(("all",))) == list(range(RUNS_COUNTED, 2 * RUNS_COUNTED))


def test_a_session_that_is_gone_or_changed_does_not_count_as_before() -> None:
    found = history(5, 7)
    found.put("s1", reference_classes(2, "bob", 4), 1.0, 9)

    assert list(found.run_seconds(("all",))) == [5, 9]
    assert (found.run_seconds(("kind", 1)), found.run_seconds(("kind", 2))) == ([5], [9])
    found.drop("s0")
    found.drop("s0")
    assert (found.run_seconds(("kind", 1)), len(found)) == ([], 1)
