"""Inspections in processes that may die: bounds, refusals, and what such a process can see."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
from poll import eventually_async

from trainyard_gateway.errors import BadRequest, Unavailable
from trainyard_gateway.files.inspect import (
    LONGEST_REFUSAL,
    MEMORY_BYTES,
    MOST_AT_ONCE,
    MOST_WAITING,
    InspectionError,
    Inspector,
    outcome,
)

SCHEMA = b'{"samples": 3, "dimensions": [3]}'
READ = "import sys, os; line = sys.stdin.readline();"
"""How a stand-in begins: it waits for a request, as the real program does."""


@asynccontextmanager
async def inspector(script: str, seconds: float = 20) -> AsyncIterator[Inspector]:
    made = Inspector((sys.executable, "-c", READ + script), seconds)
    yield made
    await made.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "upload"
    path.write_bytes(b"a,b\n1,2\n")
    return path


@pytest.mark.parametrize(
    ("script", "message"),
    [
        pytest.param("os.kill(os.getpid(), 9)", "took too much memory or time", id="killed"),
        pytest.param(
            "kept = b'x' * (600 << 20); import time; time.sleep(60)",
            "took too much memory or time",
            id="too-much-memory",
        ),
        pytest.param("os.kill(os.getpid(), 24)", "takes too much time", id="out-of-cpu-time"),
        pytest.param("os.kill(os.getpid(), 11)", r"reader \(SIGSEGV\)", id="crash"),
        pytest.param(
            'print(\'{"message": "a\\\\u202e\\\\nb", "hint": "do c"}\'); sys.exit(65)',
            r"^a\\u202e\\nb; do c$",
            id="refusal-with-hidden-characters",
        ),
    ],
)
async def test_a_file_that_ends_its_reader_is_refused(
    file: Path, script: str, message: str
) -> None:
    async with inspector(script) as inspections:
        with pytest.raises(BadRequest, match=message):
            await inspections.inspect(file, "csv")


@pytest.mark.parametrize(
    "script",
    ["sys.exit(1)", "print('{}')", "print('nothing')", "sys.exit(65)"],
    ids=["bug", "no-schema", "no-json", "a-refusal-without-a-message"],
)
async def test_what_is_no_fault_of_the_file_is_no_refusal(file: Path, script: str) -> None:
    async with inspector(script) as inspections:
        with pytest.raises(InspectionError):
            await inspections.inspect(file, "csv")


async def test_an_inspection_that_takes_too_long_is_killed(file: Path, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    endless = f"open({str(note)!r}, 'w').write(str(os.getpid())); import time; time.sleep(600)"
    async with inspector(endless, seconds=0.5) as inspections:
        with pytest.raises(BadRequest, match="could not be read within"):
            await inspections.inspect(file, "csv")
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


async def test_an_endless_answer_is_cut(file: Path) -> None:
    async with inspector("[sys.stdout.write('x' * 65536) for _ in iter(int, 1)]") as inspections:
        with pytest.raises(InspectionError, match="an answer of more"):
            await inspections.inspect(file, "csv")


async def test_a_process_inherits_nothing(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINYARD_GATEWAY_API_KEY", "secret")
    seen = "'environment', *os.environ, 'files', *os.listdir('/proc/self/fd')"
    script = (
        f"import json; print(json.dumps({{'samples': 1, 'dimensions': [1], 'notes': [{seen}]}}))"
    )
    with (tmp_path / "database").open("wb"):
        async with inspector(script) as inspections:
            notes = (await inspections.inspect(file, "csv")).notes
    environment, files = notes[: notes.index("files")], notes[notes.index("files") + 1 :]
    assert "TRAINYARD_GATEWAY_API_KEY" not in environment
    assert "HOME" not in environment
    assert len(files) == 4, "standard streams, and the folder that is listed"


BOUNDS = """
from trainyard_data.__main__ import Request, bound
import json, pathlib
request = Request.model_validate_json(line)
bound(request)
notes = []
try:
    bytearray(request.memory_bytes)
except MemoryError:
    notes.append("memory")
try:
    pathlib.Path(request.path).write_text("changed")
except OSError:
    notes.append("files")
notes += [str(os.nice(0)), pathlib.Path("/proc/self/oom_score_adj").read_text().strip()]
print(json.dumps({"samples": 1, "dimensions": [1], "notes": notes}))
"""


async def test_memory_and_files_of_a_process_are_bounded(file: Path) -> None:
    async with inspector(f"exec({BOUNDS!r})") as inspections:
        notes = (await inspections.inspect(file, "csv")).notes
    assert notes[:2] == ["memory", "files"]
    assert int(notes[2]) >= 5, "nicer than requests"
    assert notes[3] == "1000", "ended first when memory runs out"


async def test_few_run_at_once_some_wait_and_others_are_refused(file: Path, tmp_path: Path) -> None:
    gate, marks = tmp_path / "gate", tmp_path / "marks"
    marks.mkdir()
    os.mkfifo(gate)
    script = (
        f"open({str(marks)!r} + f'/{{os.getpid()}}', 'w'); open({str(gate)!r}).read();"
        f"print({SCHEMA.decode()!r})"
    )
    async with inspector(script) as inspections:
        count = MOST_AT_ONCE + MOST_WAITING
        tasks = [asyncio.create_task(inspections.inspect(file, "csv")) for _ in range(count)]

        async def are_running() -> bool:
            return len(list(marks.iterdir())) == MOST_AT_ONCE

        await eventually_async(are_running, within=60)
        with pytest.raises(Unavailable, match="wait to be inspected") as refused:
            inspections.require_room()
        with pytest.raises(Unavailable):
            await inspections.inspect(file, "csv")
        assert int(refused.value.headers["Retry-After"]) > 2
        assert len(list(marks.iterdir())) == MOST_AT_ONCE
        for task in tasks[MOST_AT_ONCE:]:
            task.cancel()
        await asyncio.to_thread(gate.write_text, "")
        found = await asyncio.gather(*tasks[:MOST_AT_ONCE])
        inspections.require_room()
    assert [one.samples for one in found] == [3, 3]


async def test_the_next_inspection_finds_a_process_that_has_loaded(file: Path) -> None:
    script = 'print(\'{"samples": %d, "dimensions": [1]}\' % os.getpid())'
    async with inspector(script) as inspections:
        pids = [(await inspections.inspect(file, "csv")).samples for _ in range(3)]
    assert len(set(pids)) == 3, "each process reads one file"


async def test_a_spare_process_that_died_is_replaced(file: Path) -> None:
    script = f"print({SCHEMA.decode()!r})"
    async with inspector(script) as inspections:
        await inspections.inspect(file, "csv")
        spare = inspections._spare
        assert spare is not None
        spare.send_signal(signal.SIGKILL)
        await spare.wait()
        assert (await inspections.inspect(file, "csv")).samples == 3


async def test_an_empty_file_needs_no_process(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(BadRequest, match="the file is empty"):
        await Inspector(("/no/such/program",)).inspect(tmp_path / "empty", "csv")


def test_a_refusal_is_short() -> None:
    answer = orjson.dumps({"message": "\x1b" * 100_000, "hint": "x" * 100_000})
    with pytest.raises(BadRequest) as refused:
        outcome(65, answer)
    assert len(refused.value.detail) <= LONGEST_REFUSAL


def test_two_inspections_and_the_gateway_fit_into_its_container() -> None:
    assert MOST_AT_ONCE * MEMORY_BYTES + (224 << 20) <= 1 << 30
