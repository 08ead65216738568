"""The event loop of the replay: what becomes of one session, as truth tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from replay.arms import InOrder
from replay.event_loop import (
    LEAVE_SECONDS,
    RETRY_SECONDS,
    START_SECONDS,
    Estimate,
    Record,
    Start,
    World,
    replay,
    shape_of,
)
from replay.workload import Work

HOUR = 3600.0
ONE = Work("a", 0.0, HOUR, 1, "ann", 1, 10 * HOUR, checkpoint_every=600.0)


@dataclass
class Leaves:
    """Starts everything where it fits, and asks for one leave at or after a time."""

    at: float
    inner: InOrder = field(default_factory=lambda: InOrder(8, strict=True))
    asked: bool = False
    estimates: list[Estimate] = field(default_factory=list)

    def decide(self, world: World) -> tuple[Sequence[Start], Sequence[str]]:
        starts, _ = self.inner.decide(world)
        if self.asked or world.now < self.at:
            return starts, ()
        self.asked = True
        return starts, ["a"]

    def ended(self, record: Record, run_seconds: float, reached: bool) -> None:
        assert record.ended is not None
        assert reached
        assert run_seconds > 0

    def watch(self, world: World, came: Sequence[str]) -> None:
        assert all(uid in world.waiting for uid in came)


def alone(work: Work) -> Record:
    return replay([work], 1, 8, InOrder(8, strict=True)).records["a"]


def test_undisturbed_it_starts_at_once_and_wastes_nothing() -> None:
    record = alone(ONE)

    assert (record.first_start, record.waited, record.wasted) == (0.0, 0.0, 0.0)
    assert record.next_start(0.0) == 0.0
    assert record.ended == START_SECONDS + HOUR


@pytest.mark.parametrize(
    ("fails_at", "lost"),
    [
        pytest.param(300.0, 300.0, id="before its first checkpoint it begins anew"),
        pytest.param(600.0, 0.0, id="at a checkpoint it loses nothing"),
        pytest.param(1000.0, 400.0, id="between checkpoints it loses the time since the last"),
    ],
)
def test_a_failure_costs_what_was_not_saved(fails_at: float, lost: float) -> None:
    record = alone(replace(ONE, failures=(fails_at,)))

    assert record.wasted == lost + START_SECONDS
    assert record.ended == HOUR + lost + 2 * START_SECONDS + RETRY_SECONDS
    assert record.wasted_by_preemption == record.preemptions == 0


def test_it_fails_once_at_each_position() -> None:
    record = alone(replace(ONE, failures=(1000.0, 1000.0, 2000.0)))

    assert record.wasted == 400 + 400 + 200 + 3 * START_SECONDS


@pytest.mark.parametrize(
    ("saves", "lost"),
    [
        pytest.param(True, 0.0, id="saves when asked"),
        pytest.param(False, 370.0, id="does not save when asked"),
    ],
)
def test_a_preemption_costs_what_was_not_saved(saves: bool, lost: float) -> None:
    """It is asked at 1,000 s, and has worked 970 s then."""
    comes = Work("b", 1000.0, 1.0, 8, "bob", 2, HOUR)
    world = replay([replace(ONE, saves_when_asked=saves), comes], 1, 8, Leaves(1000.0))
    record = world.records["a"]

    assert (record.preemptions, record.wasted) == (1, lost + START_SECONDS + LEAVE_SECONDS)
    assert record.wasted == record.wasted_by_preemption
    assert world.records["a"].ended == HOUR + lost + 2 * START_SECONDS + LEAVE_SECONDS


def test_the_end_of_an_attempt_that_was_asked_to_leave_does_not_count() -> None:
    comes = Work("b", HOUR + 20, 1.0, 8, "bob", 2, HOUR)
    world = replay([ONE, comes], 1, 8, Leaves(HOUR + 20))

    assert world.records["a"].preemptions == 1
    assert world.records["a"].ended is not None
    assert world.records["a"].ended > HOUR + 20 + LEAVE_SECONDS


@pytest.mark.parametrize(
    ("gpus", "workers", "each"), [(1, 1, 1), (8, 1, 8), (16, 2, 8), (24, 3, 8), (9, 2, 5)]
)
def test_a_session_is_spread_over_few_nodes(gpus: int, workers: int, each: int) -> None:
    assert shape_of(gpus, 8) == (workers, each)


@pytest.mark.parametrize(
    ("strict", "small_starts"),
    [
        pytest.param(True, 2 * HOUR + 2 * START_SECONDS, id="strict waits behind the large"),
        pytest.param(False, 1.0, id="best effort passes it"),
    ],
)
def test_first_in_first_out(strict: bool, small_starts: float) -> None:
    works = [
        replace(ONE, gpus=4),
        replace(ONE, uid="large", gpus=8),
        replace(ONE, uid="small", submitted=1.0),
    ]
    world = replay(works, 1, 8, InOrder(8, strict=strict))

    assert world.records["small"].first_start == small_starts
