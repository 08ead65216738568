"""Inspection of datasets' files, each in another process, which may die.

Guarantees:

- This process never opens a user's file with the library of its format.
- At most `MOST_AT_ONCE` files are inspected at once, and `MOST_WAITING` wait. Others get 503.
- An inspection has bounds of memory and time, which the kernel and a deadline enforce. It inherits
  no environment and no open file. One that dies is a refusal with a sentence.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import orjson
import structlog

from trainyard_api.contract import ExitCode
from trainyard_api.datasets.choices import SchemaChoices
from trainyard_api.datasets.schema import DatasetSchema
from trainyard_api.model import clip
from trainyard_api.visible_text import visible
from trainyard_data import formats
from trainyard_data.errors import BadData
from trainyard_gateway.errors import BadRequest, Unavailable

MOST_AT_ONCE = 2
MOST_WAITING = 32
MEMORY_BYTES = 384 << 20
"""Resident memory of one inspection, without what it maps from files. Two of them and the gateway
stay below the memory limit of its container."""
RESERVED_BYTES = 1536 << 20
"""What it may reserve. Of wide tables Arrow reserves several times what it uses."""
LOOK_SECONDS = 0.05
"""How often the resident memory is looked at."""
SECONDS = 60.0
SECONDS_PER_BYTE = 1 / 2_000_000
"""The deadline of an inspection: `SECONDS`, and this for each byte of the file."""
RETRY_SECONDS = 30.0
SPARE_SECONDS = 300.0
"""How long a process that has loaded the readers waits for a file."""
MAX_ANSWER_BYTES = 6 << 20
LONGEST_REFUSAL = 2000

COMMAND = (sys.executable, "-m", "trainyard_data", "--stdin")
ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    "PYTHONSAFEPATH": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    # Threads take memory each, of which there is little; mimalloc reserves 1 GiB at once.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "ARROW_IO_THREADS": "2",
    "OMP_NUM_THREADS": "2",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
}

NO_CHOICES = SchemaChoices()

_log = structlog.get_logger()


def format_of(filename: str) -> str:
    """The format by the file's ending. Raises BadRequest naming those that are accepted."""
    try:
        return formats.format_of(filename)
    except BadData as error:
        raise BadRequest(visible(str(error))) from error


class InspectionError(Exception):
    """The program that inspects has a bug, or cannot run."""


class Inspector:
    """Runs inspections."""

    def __init__(self, command: Sequence[str] = COMMAND, seconds: float = SECONDS) -> None:
        """`command` reads a `trainyard_data.__main__.Request` from standard input."""
        self._command, self._seconds = command, seconds
        self._slots = asyncio.Semaphore(MOST_AT_ONCE)
        self._waiting = 0
        self._spare: Process | None = None
        self._retire: asyncio.TimerHandle | None = None

    def require_room(self) -> None:
        """Raise Unavailable if no file can be taken in now, before its bytes are received."""
        if self._waiting >= MOST_WAITING:
            raise Unavailable(
                f"{MOST_WAITING} files wait to be inspected; send it again in a while",
                wait=RETRY_SECONDS,
            )

    async def inspect(
        self, path: Path, file_format: str, choices: SchemaChoices = NO_CHOICES
    ) -> DatasetSchema:
        """The schema of a file. Raises BadRequest, Unavailable and InspectionError."""
        size = (await asyncio.to_thread(path.stat)).st_size
        if size == 0:
            raise BadRequest("the file is empty")
        seconds = self._seconds + size * SECONDS_PER_BYTE
        request = {
            "path": str(path),
            "format": file_format,
            "choices": choices.wire(),
            "memoryBytes": RESERVED_BYTES,
            # Of all processors; the deadline below is for the time on the clock.
            "cpuSeconds": max(1, round(2 * seconds)),
        }
        async with self._slot(), self._process() as process, _watched(process):
            try:
                async with asyncio.timeout(seconds):
                    answer = await _ask(process, orjson.dumps(request) + b"\n")
                    code = await process.wait()
            except TimeoutError:
                raise BadRequest(
                    f"the file could not be read within {seconds:.0f} s; make it smaller or simpler"
                ) from None
        return outcome(code, answer)

    async def close(self) -> None:
        """End the process that waits for a file."""
        if self._retire is not None:
            self._retire.cancel()
        spare, self._spare = self._spare, None
        if spare is not None:
            await _end(spare)

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        self.require_room()
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._slots.release()

    @asynccontextmanager
    async def _process(self) -> AsyncIterator[Process]:
        """A process that waits for a request; afterwards it is gone, and a spare one loads."""
        process, self._spare = self._spare, None
        if self._retire is not None:
            self._retire.cancel()
        if process is None or process.returncode is not None:
            process = await self._start()
        try:
            yield process
        finally:
            await _end(process)
            if self._spare is None:
                self._keep(await self._start())

    def _keep(self, spare: Process) -> None:
        self._spare = spare
        loop = asyncio.get_running_loop()
        self._retire = loop.call_later(SPARE_SECONDS, _close_stdin, spare)

    async def _start(self) -> Process:
        try:
            return await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=ENVIRONMENT, cwd="/"
            )
        except OSError as error:
            raise InspectionError(f"{self._command[0]} cannot be started: {error}") from error


@asynccontextmanager
async def _watched(process: Process) -> AsyncIterator[None]:
    """Kill the process once it has more than MEMORY_BYTES resident."""

    async def watch() -> None:
        # The kernel announces no growth of another process.
        while resident_bytes(process.pid) <= MEMORY_BYTES:  # noqa: ASYNC110  there is no event
            await asyncio.sleep(LOOK_SECONDS)
        with suppress(ProcessLookupError):
            process.kill()

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()


def resident_bytes(pid: int) -> int:
    """Memory of a process that belongs to no file; 0 if it is gone."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return 0
    return (int(pages[1]) - int(pages[2])) * os.sysconf("SC_PAGE_SIZE") if len(pages) > 2 else 0


def _close_stdin(spare: Process) -> None:
    """Let a process that waits for a request end by itself."""
    if spare.stdin is not None:
        spare.stdin.close()


async def _end(process: Process) -> None:
    """Kill a process, and read the rest of its output, so that its pipes are closed."""
    with suppress(ProcessLookupError):
        process.kill()
    await process.communicate()


async def _ask(process: Process, request: bytes) -> bytes:
    """What the process answers. Raises InspectionError if it is longer than any answer."""
    if process.stdin is None or process.stdout is None:
        raise InspectionError("the process has no pipes")
    with suppress(ConnectionError):  # it has died: its exit code says more
        process.stdin.write(request)
        await process.stdin.drain()
        process.stdin.close()
    pieces, size = [], 0
    while piece := await process.stdout.read(1 << 16):
        pieces.append(piece)
        size += len(piece)
        if size > MAX_ANSWER_BYTES:
            raise InspectionError(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
    return b"".join(pieces)


def outcome(code: int, answer: bytes) -> DatasetSchema:
    """What an inspection with this exit code (negative: a signal) and answer says. Pure.

    Raises BadRequest for a file that cannot be used, InspectionError for everything else.
    """
    if code == 0:
        try:
            return DatasetSchema.model_validate_json(answer)
        except ValueError as error:
            raise InspectionError(f"no schema: {clip(str(error), 500)}") from error
    if code == ExitCode.BAD_DATA:
        raise BadRequest(_refusal(answer))
    if code < 0:
        _log.warning("an inspection died", signal=-code)
        raise BadRequest(_death(-code))
    raise InspectionError(f"exit code {code}")


def _refusal(answer: bytes) -> str:
    try:
        found = orjson.loads(answer)
        message, hint = str(found["message"]), str(found.get("hint") or "")
    except (ValueError, TypeError, KeyError) as error:
        raise InspectionError(f"a refusal without a message: {error}") from error
    text = f"{message}; {hint}" if hint else message
    return clip(visible(clip(text, LONGEST_REFUSAL)), LONGEST_REFUSAL)


def _death(number: int) -> str:
    if number == signal.SIGXCPU:
        return "reading the file takes too much time; make it smaller or simpler"
    if number == signal.SIGKILL:
        return "reading the file took too much memory or time; make it smaller or simpler"
    name = signal.Signals(number).name if number in set(signal.Signals) else str(number)
    return f"reading the file ended its reader ({name}): the file is damaged; write it again"
