"""A made day under every policy: nothing is lost, nothing is used twice, nothing is random."""

from __future__ import annotations

import random
from functools import lru_cache

import pytest

from replay.arms import arms
from replay.event_loop import World, replay
from replay.figures import figures_of
from replay.workload import Habits, TraceJob, Work, made

DAY = 86400.0
NODES, EACH = 2, 8
NAMES = list(arms(1, 1, (0.0, 0.0)))


def day(seed: int) -> list[Work]:
    """Forty jobs of minutes to hours; one in ten takes both nodes."""
    chance = random.Random(seed)
    times = sorted(chance.uniform(0, DAY) for _ in range(40))
    jobs = [
        TraceJob(
            at, chance.lognormvariate(7.5, 1.5), chance.choice([1] * 6 + [4, 4, 8, 16]), "made"
        )
        for at in times
    ]
    return made(jobs, seed, Habits(users=4, fails=0.3))


@lru_cache
def run(name: str, seed: int, again: bool = False) -> tuple[World, dict[str, float]]:
    """The end of a replay and its figures; `again` repeats it."""
    del again
    arm = arms(NODES, EACH, (0.0, DAY / 4))[name]
    world = replay(day(seed), NODES, EACH, arm)
    return world, figures_of(world, arm.estimates, 0.0)


@pytest.mark.parametrize("name", NAMES)
def test_every_session_ends_once_and_all_resources_come_back(name: str) -> None:
    for seed in (1, 2):
        world, figures = run(name, seed)

        assert world.free == world.allocatable
        assert not world.waiting
        assert not world.running
        assert all(0 <= gpus <= NODES * EACH for _, gpus in world.busy)
        assert len(world.records) == 40
        for record in world.records.values():
            assert record.first_start is not None
            assert record.ended is not None
            assert record.waited >= record.first_start - record.work.submitted >= 0
            assert record.ended >= record.first_start + record.work.seconds
            assert record.wasted >= record.wasted_by_preemption >= 0
            assert (record.preemptions > 0) == (record.wasted_by_preemption > 0)
        assert 0 < figures["busyShare"] <= 1
        assert 0 < figures["fairness"] <= 1


@pytest.mark.parametrize("name", NAMES)
def test_the_gpus_held_are_the_work_done_and_the_waste(name: str) -> None:
    """GPU-seconds held = work + first starts + waste: nothing is counted twice or not at all."""
    world, _ = run(name, 1)
    times = [at for at, _ in world.busy]
    held = sum(gpus * (end - at) for (at, gpus), end in zip(world.busy, times[1:], strict=False))
    records = world.records.values()
    works = sum(r.work.gpus * (r.work.seconds + 30.0) + r.wasted for r in records)

    assert held == pytest.approx(works)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_figures(name: str) -> None:
    assert run(name, 1)[1] == run(name, 1, again=True)[1] != run(name, 2)[1]


def test_policies_differ() -> None:
    assert len({run(name, 1)[1]["meanWait.all"] for name in NAMES}) > 2
