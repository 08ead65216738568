"""Files that a session's program has left: nothing but its own regular file of the announced size is read."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from trainyard_gateway.errors import BadRequest
from trainyard_gateway.files.outputs import read_inside

PLACE = ("uid", "output", "model.safetensors")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    runs = tmp_path / "runs"
    (runs / "uid" / "output").mkdir(parents=True)
    return runs


async def read(runs: Path, size: int, place: tuple[str, ...] = PLACE) -> bytes:
    async with asyncio.timeout(5):
        return b"".join([chunk async for chunk in read_inside(runs, place, size)])


async def test_a_file_is_read(runs: Path) -> None:
    runs.joinpath(*PLACE).write_bytes(b"weights")

    assert await read(runs, 7) == b"weights"


@pytest.mark.parametrize("part", [0, 1, 2], ids=PLACE)
async def test_no_part_of_the_path_may_be_a_link(runs: Path, tmp_path: Path, part: int) -> None:
    runs.joinpath(*PLACE).write_bytes(b"weights")
    real = runs.joinpath(*PLACE[: part + 1])
    real.rename(tmp_path / "elsewhere")
    real.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(BadRequest):
        await read(runs, 7)


async def test_a_pipe_does_not_hold_anybody_up(runs: Path) -> None:
    os.mkfifo(runs.joinpath(*PLACE))

    with pytest.raises(BadRequest, match="no regular file"):
        await read(runs, 7)


@pytest.mark.parametrize("size", [6, 8])
async def test_another_size_is_refused(runs: Path, size: int) -> None:
    runs.joinpath(*PLACE).write_bytes(b"weights")

    with pytest.raises(BadRequest, match="has 7 bytes"):
        await read(runs, size)


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "a\0b"])
async def test_no_part_may_lead_elsewhere(runs: Path, name: str) -> None:
    with pytest.raises(BadRequest):
        await read(runs, 7, (name, "output", "model.safetensors"))
