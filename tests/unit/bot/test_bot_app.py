"""The bot as an application."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

import pytest

from trainyard_bot.app import stop_if_failed


@dataclass
class Running:
    """Stands in for the application."""

    stopped: bool = False

    def stop_running(self) -> None:
        self.stopped = True


async def fails() -> None:
    raise RuntimeError("no more polls")


async def waits() -> None:
    await asyncio.Event().wait()


async def ends() -> None:
    return None


@pytest.mark.parametrize(
    ("work", "stopped"),
    [(fails, True), (waits, False), (ends, False)],
    ids=["failed", "cancelled", "ended"],
)
async def test_a_background_task_that_failed_stops_the_bot(
    work: object, stopped: bool, caplog: pytest.LogCaptureFixture
) -> None:
    app = Running()
    task = asyncio.create_task(work())  # type: ignore[operator]  # one of the three above
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    with caplog.at_level(logging.CRITICAL):
        stop_if_failed(app, task)  # type: ignore[arg-type]  # stand-in

    assert app.stopped is stopped
    assert ("no more polls" in caplog.text) is stopped
