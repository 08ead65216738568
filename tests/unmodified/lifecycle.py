"""The life of one program: each attempt but the last is interrupted once the program has saved something."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cluster import unique
from command_line import CommandLine
from container_logs import ContainerLogs
from eviction import evict
from files_left import files_left
from installation import Installation
from poll import eventually
from program import Program
from registered import registered

from trainyard.client import Client
from trainyard.errors import TrainyardError
from trainyard.models import Session
from trainyard.models.curves import LogLine

ATTEMPT_SECONDS = 600.0
"""Longest time until an attempt is ready to be interrupted, or ends; the first one installs packages."""


class EndedTooSoonError(Exception):
    """The session ended before it could be interrupted."""


@dataclass
class Row:
    """What was seen of one program."""

    name: str
    packages: list[str]
    shipped: bool = False
    """Whether the program is one of a wheel."""
    interruptions: int = 2
    lines: int = 0
    """Lines in the log of the session."""
    missing: list[str] = field(default_factory=list)
    """Lines of the containers that the log lacks."""
    progress: list[str] = field(default_factory=list)
    """What the status showed while the program ran: steps, percent, time left."""
    attempts: int = 0
    preemptions: int = 0
    failures: int = 0
    resumed: list[int] = field(default_factory=list)
    """Where the later attempts began; empty if from the start."""
    resumes: bool = False
    """Whether the program is one that resumes."""
    files: int = 0
    registered: int = 0
    """Files of the version in the registry that the session left."""
    wrong: list[str] = field(default_factory=list)
    """Files that are missing, or whose hash is not that of their content."""
    phase: str = ""
    seconds: float = 0.0
    problem: str = ""

    @property
    def good(self) -> bool:
        """Whether everything was as it has to be."""
        ended = (self.phase, self.attempts, self.preemptions, self.failures)
        cut = self.interruptions
        held = ended == ("Succeeded", cut + 1, cut, 0)
        held = held and not (self.problem or self.missing or self.wrong)
        held = held and self.files > 0 and self.registered > 0
        return held and (len(self.resumed) == cut or not self.resumes)


class Yard:
    """An installation, and the command line to it."""

    def __init__(self, release: Installation, people: Client, scratch: Path, kept: Path) -> None:
        """The logs of all programs are left in `kept`."""
        self.release, self.people, self.scratch, self.kept = release, people, scratch, kept
        self.cli = CommandLine(scratch / "home", release.url, release.key)
        self.gpus = int(release.node["status"]["allocatable"]["nvidia.com/gpu"])


def evicted(yard: Yard, session: str) -> None:
    """As a drain of the node does it."""
    evict(yard.release, session)


def preempted(yard: Yard, session: str) -> None:
    """By a more urgent session that needs every GPU; waits for the end of that one."""
    spec = {
        "command": ["sleep", "1"],
        "priority": 100,
        "resources": {"gpus": yard.gpus, "cpu": "100m", "memory": "128Mi"},
    }
    urgent = yard.people.start_training(spec, unique("urgent")).name
    eventually(
        lambda: yard.people.status(urgent).finished,
        within=ATTEMPT_SECONDS,
        every=0.5,
        what=f"{urgent}, which preempts {session}",
    )


Interruption = Callable[[Yard, str], None]


def prove(
    yard: Yard, program: Program, interruptions: Sequence[Interruption] = (evicted, preempted)
) -> Row:
    """Run a program through its life; never raises for what the program or the session did."""
    row = Row(program.name, program.requirements, program.shipped, len(interruptions))
    row.resumes = program.resumed is not None
    name, began = unique("program"), time.monotonic()
    folder = yard.scratch / name
    program.lay(folder)
    logs = ContainerLogs(yard.release, name)
    try:
        _start(yard, program, name, folder, len(interruptions) + 1)
        for number, interrupt in enumerate(interruptions, 1):
            _attempt(yard, program, name, number, row, logs)
            interrupt(yard, name)
        _end(yard, name, row, logs)
        logs.close()
        _look(yard, program, name, row, logs)
    except (AssertionError, ValueError, EndedTooSoonError, TrainyardError) as error:
        row.problem = str(error)[:500]
        _give_up(yard, name, row, logs)
    row.seconds = round(time.monotonic() - began, 1)
    return row


def _start(yard: Yard, program: Program, name: str, folder: Path, attempts: int) -> None:
    env = {**program.env, "LAST_ATTEMPT": str(attempts)}
    options = [word for k, v in env.items() for word in ("--env", f"{k}={v}")]
    options += ["--resume", program.resume] if program.resume else []
    options += ["--artifact", f"{program.artifact}={name}-left"]
    yard.cli.ok(
        "run", "--detach", "--folder", str(folder), "--name", name, "--gpus", "1", "--cpu", "1",
        "--memory", program.memory, *options, "--", *program.command,
    )  # fmt: skip


def _attempt(
    yard: Yard, program: Program, name: str, number: int, row: Row, logs: ContainerLogs
) -> None:
    """Wait until an attempt has saved something."""

    def ready() -> bool:
        found = _seen(yard, name, row, logs)
        if found.finished:
            raise EndedTooSoonError(f"it ended in attempt {number}: {found.status.message}")
        if number == 1 and not set(program.progress) <= set(row.progress):
            return False
        return any(re.search(program.ready, x.message) for x in _lines(yard, name, number))

    eventually(ready, within=ATTEMPT_SECONDS, every=0.5, what=f"{program.ready!r} in {number}")


def _end(yard: Yard, name: str, row: Row, logs: ContainerLogs) -> None:
    eventually(
        lambda: _seen(yard, name, row, logs).finished,
        within=ATTEMPT_SECONDS,
        every=0.5,
        what="the session's end",
    )


def _seen(yard: Yard, name: str, row: Row, logs: ContainerLogs) -> Session:
    """Look at the session once."""
    logs.follow()
    found = yard.people.status(name)
    progress = found.status.progress
    if progress is not None and found.phase == "Running":
        shown = {
            "steps": bool(progress.step or progress.epoch),
            "percent": progress.percent is not None and 0 < progress.percent < 100,
            "time left": progress.eta_seconds is not None,
        }
        row.progress += [x for x, there in shown.items() if there and x not in row.progress]
    return found


def _lines(yard: Yard, name: str, attempt: int) -> list[LogLine]:
    found, cursor = list[LogLine](), 0
    while True:
        page = yard.people.logs(name, after=cursor, limit=1000)
        found += page.lines
        if not page.lines:
            return [line for line in found if attempt in (0, line.attempt)]
        cursor = page.next


def _look(yard: Yard, program: Program, name: str, row: Row, logs: ContainerLogs) -> None:
    """What is there at the end."""
    status = yard.people.status(name).status
    row.phase, row.attempts = str(status.phase or ""), status.attempt or 0
    row.preemptions, row.failures = status.preemptions or 0, status.failures or 0
    if status.failure is not None and row.phase != "Succeeded":
        row.problem = row.problem or str(status.failure.message)[:500]
    lines = _kept_lines(yard, name, row)
    row.missing = logs.missing([line.message for line in lines])[:20]
    for attempt in range(2, row.interruptions + 2):
        said = [x.message for x in lines if x.attempt == attempt]
        row.resumed += _began(program.resumed, said)
    if row.phase != "Succeeded":
        return
    found = files_left(yard.release, yard.people, name, program.outputs)
    row.files = len(found)
    row.registered, wrong = registered(yard.release, yard.people, name, program.artifact)
    row.wrong = [*(f.problem for f in found if f.problem), *wrong][:20]


def _kept_lines(yard: Yard, name: str, row: Row) -> list[LogLine]:
    """The lines of the session's log, which are left in a file, too."""
    lines = _lines(yard, name, 0)
    row.lines = len(lines)
    kept = yard.kept / f"{re.sub('[^a-z0-9]+', '-', row.name.lower()).strip('-')}.log"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text("".join(f"{x.attempt} {x.level} {x.message}\n" for x in lines))
    return lines


def _give_up(yard: Yard, name: str, row: Row, logs: ContainerLogs) -> None:
    """Stop a session that did not go as it has to, and keep what its log says."""
    with suppress(TrainyardError):
        row.phase = str(yard.people.status(name).phase)
        _kept_lines(yard, name, row)
        yard.people.cancel(name)
    logs.close()


def _began(pattern: str | None, said: list[str]) -> list[int]:
    """Where an attempt began, read from the first line that says so; none if from the start."""
    found = (re.search(pattern, line) for line in said if pattern is not None)
    first = next((int(match[1]) for match in found if match is not None), 0)
    return [first] if first > 1 else []
