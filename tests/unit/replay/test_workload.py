"""What is read from a trace, and what a seed makes of it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from replay.workload import (
    WEEK,
    Habits,
    TraceError,
    TraceJob,
    busiest,
    capacity,
    made,
    read_trace,
)

HEAD = "submitted,duration_seconds,gpus,cluster\n"
JOBS = [TraceJob(60.0 * i, 900.0 + i % 7 * 4000, 1 + i % 3, "c") for i in range(400)]


def test_it_reads_what_comes_with_the_command() -> None:
    path = Path(__file__).resolve().parents[3] / "bench" / "replay" / "philly.csv.gz"
    jobs = read_trace(path)

    assert len({j.cluster for j in jobs}) == 6
    assert [j.submitted for j in jobs] == sorted(j.submitted for j in jobs)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_times_are_utc_and_rows_are_put_in_order(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / ("t.csv.gz" if packed else "t.csv")
    text = f"{HEAD}1970-01-02 00:00:00,5,2,b\n1970-01-01 00:00:01,7,1,a\n".encode()
    path.write_bytes(gzip.compress(text) if packed else text)

    assert read_trace(path) == [TraceJob(1.0, 7.0, 1, "a"), TraceJob(86400.0, 5.0, 2, "b")]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a,b\n1,2\n", "names the columns"),
        (HEAD, "has 0 jobs"),
        (f"{HEAD}yesterday,5,1,a\n", "line 2"),
        (f"{HEAD}2017-01-01 00:00:00,nan,1,a\n", "duration_seconds must lie in"),
        (f"{HEAD}2017-01-01 00:00:00,5,0,a\n", "gpus in 1"),
        (f"{HEAD}2017-01-01 00:00:00,5,1,\n", "cluster must not be empty"),
        (f"{HEAD}2017-01-01 00:00:00,5\n", "line 2"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)

    with pytest.raises(TraceError, match=why):
        read_trace(path)


def test_a_file_that_is_cut_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(f"{HEAD}2017-01-01 00:00:00,5,1,a\n".encode())[:-9])

    with pytest.raises(TraceError, match="cannot be read"):
        read_trace(path)


def test_the_busiest_week_has_a_week_before_it() -> None:
    jobs = [
        TraceJob(0.0, 10_000.0, 1, "c"),
        TraceJob(1.5 * WEEK, 50.0, 1, "c"),
        TraceJob(2.5 * WEEK, 500.0, 1, "c"),
    ]

    assert busiest(jobs) == 2 * WEEK
    assert busiest(jobs[:1]) == 0.0


@pytest.mark.parametrize(
    ("gpus", "seconds", "want"),
    [
        pytest.param(1, WEEK / 2, (1, 4), id="one node for one GPU"),
        pytest.param(16, 60.0, (2, 8), id="as large as the largest"),
        pytest.param(8, 4 * WEEK, (5, 8), id="nodes for the load"),
    ],
)
def test_capacity(gpus: int, seconds: float, want: tuple[int, int]) -> None:
    assert capacity([TraceJob(0.0, seconds, gpus, "c")], 0.0, 0.8) == want


def test_the_seed_decides_what_the_trace_does_not_say() -> None:
    assert made(JOBS, 1, Habits()) == made(JOBS, 1, Habits()) != made(JOBS, 2, Habits())


def test_what_is_made_fits_the_trace() -> None:
    works = made(JOBS, 1, Habits())

    assert [(w.submitted, w.seconds, w.gpus) for w in works] == [
        (j.submitted, j.seconds, j.gpus) for j in JOBS
    ]
    for work in works:
        assert work.limit > work.seconds
        assert work.planned is None or work.planned >= work.seconds
        assert all(0 < at < work.seconds for at in work.failures)


def test_programs_tell_lengths_only_where_the_habits_say_so() -> None:
    def spread(share: float) -> float:
        by_program: dict[int, list[float]] = {}
        for work in made(JOBS, 1, Habits(told_by_program=share)):
            by_program.setdefault(work.program, []).append(work.seconds)
        return max(max(s) / min(s) for s in by_program.values())

    assert spread(1.0) <= 2.72**1.4
    assert spread(0.0) > 10
