"""Background tasks are restarted; those that fail again and again are named."""

from __future__ import annotations

import asyncio
import functools

import pytest
from poll import eventually_async

from trainyard_gateway.app import readiness
from trainyard_gateway.task_supervisor import FAILING_AFTER, TaskSupervisor


class Task:
    """Fails `failures` times, or ends that often without an error, then runs without end."""

    def __init__(self, failures: int, error: Exception | None = None) -> None:
        self.failures, self.error, self.starts = failures, error, 0

    async def run(self) -> None:
        self.starts += 1
        if self.starts > self.failures:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error

    async def runs(self) -> bool:
        return self.starts > self.failures


BUG = RuntimeError("a bug")


@pytest.mark.parametrize("error", [None, BUG], ids=["ended", "failed"])
@pytest.mark.parametrize("failures", [0, 1, FAILING_AFTER - 1], ids=["never", "once", "often"])
async def test_a_task_that_ends_is_restarted(failures: int, error: Exception | None) -> None:
    task, other = Task(failures, error), Task(0)
    async with TaskSupervisor(first_pause=0.001) as tasks:
        tasks.start("writer", task.run)
        tasks.start("watch", other.run)
        await eventually_async(task.runs, within=60, every=0.01)

        assert tasks.failing() == []
        assert (task.starts, other.starts) == (failures + 1, 1)


async def test_a_task_that_keeps_failing_is_named() -> None:
    task = Task(FAILING_AFTER, BUG)
    async with TaskSupervisor(first_pause=0.001) as tasks:
        tasks.start("writer", task.run)
        tasks.start("watch", Task(0).run)
        await eventually_async(task.runs, within=60, every=0.01)

        assert tasks.failing() == ["writer"]


async def test_a_task_that_waits_for_something_outside_does_not_count_as_failing() -> None:
    waits, fails = Task(3 * FAILING_AFTER, TimeoutError()), Task(FAILING_AFTER, BUG)
    is_timeout = functools.partial(_is, TimeoutError)
    async with TaskSupervisor(first_pause=0.001, is_outage=is_timeout) as tasks:
        tasks.start("cache", waits.run)
        tasks.start("writer", fails.run)
        await eventually_async(waits.runs, within=60, every=0.01)
        await eventually_async(fails.runs, within=60, every=0.01)

        assert tasks.failing() == ["writer"]


def _is(kind: type[Exception], error: Exception) -> bool:
    return isinstance(error, kind)


async def test_leaving_the_context_ends_running_and_waiting_tasks() -> None:
    running, waiting = Task(0), Task(1, BUG)
    async with TaskSupervisor(first_pause=3600) as tasks:
        tasks.start("running", running.run)
        tasks.start("waiting", waiting.run)
        await eventually_async(running.runs, within=60, every=0.01)
    names = {task.get_name() for task in asyncio.all_tasks()}

    assert not names & {"running", "waiting"}


@pytest.mark.parametrize(
    ("failing", "synced", "status", "text"),
    [
        ([], True, 200, "ok"),
        ([], False, 503, "waiting for the cluster"),
        (["watch"], True, 503, "failing: watch"),
    ],
    ids=["runs", "starts", "a task keeps failing"],
)
def test_readiness(failing: list[str], synced: bool, status: int, text: str) -> None:
    assert readiness(failing, synced) == (status, text)
