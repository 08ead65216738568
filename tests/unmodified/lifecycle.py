"""The life of one program: evicted in its first attempt, preempted in its second, at its end in the third."""

from __future__ import annotations

import re
import time
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

from trainyard.models import Session
from trainyard.models.curves import LogLine

ATTEMPT_SECONDS = 420.0
"""Longest time until an attempt is ready to be interrupted, or ends."""


class EndedTooSoonError(Exception):
    """The session ended before it could be interrupted."""


@dataclass
class Row:
    """What was seen of one program."""

    name: str
    packages: list[str]
    lines: int = 0
    """Lines in the log of the session."""
    missing: list[str] = field(default_factory=list)
    """Lines of the containers that the log lacks."""
    steps: bool = False
    """Whether the status showed a step while the program ran."""
    percent: bool = False
    eta: bool = False
    attempts: int = 0
    preemptions: int = 0
    failures: int = 0
    resumed: list[int] = field(default_factory=list)
    """Where the later attempts began; empty if from the start."""
    resumes: bool = False
    """Whether the program is one that resumes."""
    files: int = 0
    wrong: list[str] = field(default_factory=list)
    """Files that are missing, or whose hash is not that of their content."""
    phase: str = ""
    seconds: float = 0.0
    problem: str = ""

    @property
    def good(self) -> bool:
        """Whether everything was as it has to be."""
        ended = (self.phase, self.attempts, self.preemptions, self.failures)
        held = ended == ("Succeeded", 3, 2, 0) and not (self.problem or self.missing or self.wrong)
        return held and self.files > 0 and (len(self.resumed) == 2 or not self.resumes)


class Yard:
    """An installation, and the command line to it."""

    def __init__(self, release: Installation, scratch: Path, kept: Path) -> None:
        """The logs of all programs are left in `kept`."""
        self.release, self.scratch, self.kept = release, scratch, kept
        self.people = release.client()
        self.cli = CommandLine(scratch / "home", release.url, release.key)
        self.gpus = int(release.node["status"]["allocatable"]["nvidia.com/gpu"])


def prove(yard: Yard, program: Program) -> Row:
    """Run a program through its life; never raises for what the program or the session did."""
    row = Row(program.name, program.requirements, resumes=program.resumed is not None)
    name, began = unique("program"), time.monotonic()
    folder = yard.scratch / name
    program.lay(folder)
    logs = ContainerLogs(yard.release, name)
    try:
        _start(yard, program, name, folder)
    except AssertionError as error:
        row.problem = str(error)[:500]
        return row
    try:
        _attempt(yard, program, name, 1, row, logs)
        evict(yard.release, name)
        _attempt(yard, program, name, 2, row, logs)
        _preempt(yard)
        _end(yard, name, row, logs)
    except (AssertionError, EndedTooSoonError) as error:
        row.problem = str(error)[:500]
    finally:
        logs.close()
    _look(yard, program, name, row, logs)
    row.seconds = round(time.monotonic() - began, 1)
    return row


def _start(yard: Yard, program: Program, name: str, folder: Path) -> None:
    variables = [word for k, v in program.env.items() for word in ("--env", f"{k}={v}")]
    yard.cli.ok(
        "run", "--detach", "--folder", str(folder), "--name", name, "--gpus", "1", "--cpu", "1",
        "--memory", program.memory, *variables, "--", *program.command,
    )  # fmt: skip


def _attempt(
    yard: Yard, program: Program, name: str, number: int, row: Row, logs: ContainerLogs
) -> None:
    """Wait until an attempt has saved something."""

    def ready() -> bool:
        found = _seen(yard, name, row, logs)
        if found.finished:
            raise EndedTooSoonError(f"it ended in attempt {number}: {found.status.message}")
        return any(re.search(program.ready, x.message) for x in _lines(yard, name, number))

    eventually(ready, within=ATTEMPT_SECONDS, every=0.5, what=f"{program.ready!r} in {number}")


def _preempt(yard: Yard) -> None:
    """A more urgent session that needs every GPU; wait for its end."""
    spec = {
        "command": ["sleep", "1"],
        "priority": 100,
        "resources": {"gpus": yard.gpus, "cpu": "100m", "memory": "128Mi"},
    }
    urgent = yard.people.start_training(spec, unique("urgent")).name
    eventually(lambda: yard.people.status(urgent).finished, within=180, every=0.5, what=urgent)


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
        row.steps |= bool(progress.step or progress.epoch)
        row.percent |= progress.percent is not None and 0 < progress.percent < 100
        row.eta |= progress.eta_seconds is not None
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
    lines = _lines(yard, name, 0)
    row.lines = len(lines)
    kept = yard.kept / f"{re.sub('[^a-z0-9]+', '-', program.name.lower()).strip('-')}.log"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text("".join(f"{x.attempt} {x.level} {x.message}\n" for x in lines))
    row.missing = logs.missing([line.message for line in lines])[:20]
    for attempt in (2, 3):
        said = [x.message for x in lines if x.attempt == attempt]
        row.resumed += _began(program.resumed, said)
    if row.phase != "Succeeded":
        return
    found = files_left(yard.release, yard.people, name, program.outputs)
    row.files = len(found)
    row.wrong = [f.problem for f in found if f.problem]


def _began(pattern: str | None, said: list[str]) -> list[int]:
    """Where an attempt began, read from the first line that says so; none if from the start."""
    found = (re.search(pattern, line) for line in said if pattern is not None)
    first = next((int(match[1]) for match in found if match is not None), 0)
    return [first] if first > 1 else []
