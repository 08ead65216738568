"""What is replayed: jobs of a published trace, and what the trace does not say, made by a seed.

The trace says when a job came, how long it ran, on how many GPUs, in which cluster. `made` adds
users, programs, step rates, checkpoints, failures and limits by a seeded rule.
"""

from __future__ import annotations

import csv
import gzip
import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

WEEK: Final = 7 * 86400.0
MOST_JOBS: Final = 200_000
LONGEST_SECONDS: Final = 366 * 86400.0
MOST_GPUS: Final = 1024
COLUMNS: Final = ("submitted", "duration_seconds", "gpus", "cluster")

LIMITS: Final = (900, 3600, 14_400, 43_200, 86_400, 172_800, 345_600, 604_800, 1_209_600, 2_592_000)
"""Limits that people write, in seconds: a quarter of an hour to thirty days."""
LONGEST_LIMIT: Final = 2 * LONGEST_SECONDS


class TraceError(Exception):
    """The trace cannot be used; the message says where and why."""


@dataclass(frozen=True, slots=True)
class TraceJob:
    """One row of a trace. Times are seconds since the epoch."""

    submitted: float
    seconds: float
    """How long it ran."""
    gpus: int
    cluster: str


@dataclass(frozen=True, slots=True)
class Work:
    """One session to replay. Positions are seconds of undisturbed work since its beginning."""

    uid: str
    submitted: float
    seconds: float
    """Its length: how long it works if nothing disturbs it."""
    gpus: int
    user: str
    program: int
    """Which of the user's programs with which configuration; its `kind`."""
    limit: float
    """The run-time limit that its user wrote, in seconds."""
    planned: float | None = None
    """The goal that it reports, as a position; None if it reports none.

    It is beyond `seconds` where the session ends before its goal.
    """
    pace: float = 1.0
    """Its reported remaining time is the true one by this factor."""
    checkpoint_every: float = 1800.0
    saves_when_asked: bool = True
    """Whether it saves a checkpoint when it is asked to leave."""
    failures: tuple[float, ...] = ()
    """Positions at which it fails once, rising."""


@dataclass(frozen=True, slots=True)
class Habits:
    """The rule by which a seed makes what the trace does not say. Shares lie in 0 … 1."""

    users: int = 20
    told_by_program: float = 0.7
    """Share of the jobs whose program was chosen by their length; the others' is chance."""
    alike: float = 0.7
    """A program's lengths lie within e to the power of ± this."""
    reports_goal: float = 0.7
    ends_early: float = 0.25
    """Share of the sessions that end before the goal that they report."""
    pace_error: float = 0.1
    saves_when_asked: float = 0.5
    fails: float = 0.1
    """Share of the sessions longer than ten minutes that fail once."""


def read_trace(path: Path) -> list[TraceJob]:
    """All jobs of a CSV file, plain or gzip, in order of submission.

    Raises TraceError for a file that is none, has other columns, or holds a value that makes no
    sense.
    """
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
            rows = csv.DictReader(lines)
            if set(COLUMNS) - set(rows.fieldnames or ()):
                raise TraceError(f"{path}: the first line names the columns {', '.join(COLUMNS)}")
            jobs = [_job(row, f"{path}, line {number}") for number, row in enumerate(rows, 2)]
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise TraceError(f"{path} cannot be read: {error}") from error
    if not 0 < len(jobs) <= MOST_JOBS:
        raise TraceError(f"{path} has {len(jobs)} jobs; 1 to {MOST_JOBS} are accepted")
    return sorted(jobs, key=lambda j: (j.submitted, j.seconds, j.gpus))


def _job(row: dict[str, str], where: str) -> TraceJob:
    try:
        at = datetime.fromisoformat(row["submitted"]).replace(tzinfo=UTC).timestamp()
        seconds, gpus = float(row["duration_seconds"]), int(row["gpus"])
    except (TypeError, ValueError) as error:
        raise TraceError(f"{where}: {error}") from error
    if not 0 < seconds <= LONGEST_SECONDS or not 0 < gpus <= MOST_GPUS or not row["cluster"]:
        raise TraceError(
            f"{where}: duration_seconds must lie in 0 … {LONGEST_SECONDS:g}, gpus in 1 …"
            f" {MOST_GPUS}, and cluster must not be empty"
        )
    return TraceJob(at, seconds, gpus, row["cluster"])


def busiest(jobs: Sequence[TraceJob], weeks: int = 1) -> float:
    """When the window of `weeks` weeks begins in which the most GPU-seconds were submitted.

    The week before it is left for the warm-up. `jobs` are those of one cluster.
    """
    first = jobs[0].submitted
    count = max(1, math.ceil((jobs[-1].submitted - first) / WEEK))
    load = [0.0] * count
    for job in jobs:
        load[min(count - 1, int((job.submitted - first) / WEEK))] += job.seconds * job.gpus
    starts = range(min(1, count - 1), max(1, count - weeks + 1) if count > 1 else 1)
    best = max(starts, key=lambda k: sum(load[k : k + weeks]), default=0)
    return first + best * WEEK


def made(jobs: Iterable[TraceJob], seed: int, habits: Habits) -> list[Work]:
    """The sessions of one cluster's jobs, in order of submission; the same for the same seed."""
    maker = _Maker(random.Random(f"{seed}"), habits)
    return [maker.work(number, job) for number, job in enumerate(jobs)]


class _Maker:
    def __init__(self, chance: random.Random, habits: Habits) -> None:
        self.chance, self.habits = chance, habits
        self.weights = [1.0 / (rank + 1) for rank in range(habits.users)]
        self.programs: dict[tuple[int, int], list[tuple[int, float]]] = {}
        """By user and GPUs: number and typical logarithm of the length of each program."""
        self.count = 0
        self.last: TraceJob | None = None
        self.user = 0

    def work(self, number: int, job: TraceJob) -> Work:
        chance, habits = self.chance, self.habits
        last, self.last = self.last, job
        burst = last is not None and job.gpus == last.gpus and job.submitted - last.submitted < 60
        if not burst:
            self.user = chance.choices(range(habits.users), self.weights)[0]
        program = self._program(job)
        early = chance.random() < habits.ends_early
        planned = job.seconds * (chance.uniform(1.2, 5.0) if early else 1.0)
        every = chance.choice((600.0, 1800.0, 3600.0, 7200.0))
        fails = job.seconds > 600 and chance.random() < habits.fails
        return Work(
            uid=f"s{number:06}",
            submitted=job.submitted,
            seconds=job.seconds,
            gpus=job.gpus,
            user=f"user{self.user:02}",
            program=program,
            limit=self._limit(planned),
            planned=planned if chance.random() < habits.reports_goal else None,
            pace=math.exp(chance.gauss(0.0, habits.pace_error)),
            checkpoint_every=every,
            saves_when_asked=chance.random() < habits.saves_when_asked,
            failures=(chance.uniform(0.05, 0.95) * job.seconds,) if fails else (),
        )

    def _program(self, job: TraceJob) -> int:
        known = self.programs.setdefault((self.user, job.gpus), [])
        length = math.log(job.seconds)
        if known and self.chance.random() >= self.habits.told_by_program:
            return self.chance.choice(known)[0]
        near = [(abs(length - typical), name) for name, typical in known]
        near = [found for found in near if found[0] <= self.habits.alike]
        if near:
            return min(near)[1]
        self.count += 1
        known.append((self.count, length))
        return self.count

    def _limit(self, planned: float) -> float:
        """A round limit that a careful user writes: half to twenty times beyond the goal."""
        wanted = 1.5 * planned * math.exp(abs(self.chance.gauss(0.0, 1.0))) + 600
        return float(next((limit for limit in LIMITS if limit >= wanted), LONGEST_LIMIT))


def capacity(jobs: Sequence[TraceJob], start: float, load: float) -> tuple[int, int]:
    """Nodes and GPUs of each node of a cluster on which the jobs of a window make `load`.

    It is at least as large as the largest job. `start` is the begin of the measured week.
    """
    largest = max(job.gpus for job in jobs)
    each = 8 if largest > 4 else 4
    window = [j for j in jobs if start <= j.submitted < start + WEEK]
    offered = sum(job.seconds * job.gpus for job in window) / WEEK
    return math.ceil(max(offered / load, largest) / each), each
