"""Parts that should run without end."""

from __future__ import annotations

import asyncio

import pytest

from trainyard_gateway.app import readiness
from trainyard_gateway.task_supervisor import TaskSupervisor


async def forever() -> None:
    await asyncio.Event().wait()


async def broken() -> None:
    raise RuntimeError("a bug")


async def finished() -> None:
    return


async def test_a_part_that_ends_is_known_by_name() -> None:
    async with TaskSupervisor() as background:
        background.start("watch", forever())
        background.start("monitor", broken())
        background.start("writer", finished())
        for _ in range(5):
            await asyncio.sleep(0)

        assert background.ended() == ["monitor", "writer"]


@pytest.mark.parametrize(
    ("ended", "synced", "status", "text"),
    [
        ([], True, 200, "ok"),
        ([], False, 503, "waiting for the cluster"),
        (["watch"], True, 503, "ended: watch"),
    ],
    ids=["runs", "starts", "a part is dead"],
)
def test_readiness(ended: list[str], synced: bool, status: int, text: str) -> None:
    assert readiness(ended, synced) == (status, text)
