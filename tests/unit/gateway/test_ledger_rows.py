"""A session's object → rows of the ledger, as a table."""

# ruff: noqa: E501  # one case of a table is one line

from __future__ import annotations

from typing import Any

import pytest

from trainyard_api.timestamps import parse, to_micros
from trainyard_gateway.store.ledger.record import AllocationRow, Rows, last_sign, rows_of
from trainyard_gateway.store.ledger.unsaved import Unsaved

UID = "00000000-0000-4000-8000-000000000001"
T = "2026-11-30T2{}:00:00Z"


def at(hour: int) -> int:
    found = parse(T.format(hour))
    assert found is not None
    return to_micros(found)


NOW = at(3)


def session(**status: Any) -> dict[str, Any]:
    labels = {"trainyard.io/user": "ada", "project": "moon"}
    return {
        "metadata": {
            "uid": UID, "name": "s1", "creationTimestamp": T.format(0), "labels": labels,
        },
        "spec": {"queue": "q", "workers": 2, "resources": {"gpus": 1, "cpu": "500m", "memory": "1Gi"}},
        "status": {"gpus": 2, **status},
    }  # fmt: skip


def record(number: int, **more: Any) -> dict[str, Any]:
    return {
        "kind": "Attempt", "number": number, "startTime": T.format(0), "endTime": T.format(1),
        "exact": True, "ran": True, "gpus": 2, "cpuMillis": 1000, "memoryBytes": 2 << 30,
        "outcome": "Failed", **more,
    }  # fmt: skip


RUNNING = {"phase": "Running", "attempt": 1, "attemptAllocatedTime": T.format(1)}
ENDED = {"phase": "Queued", "attempt": 1}
PROGRESS = {"attempt": 2, "lastHeartbeat": T.format(2), "lastCheckpoint": {"time": T.format(1)}}
CASES = [
    pytest.param({}, False, ([], [], []), id="no-attempt-yet"),
    pytest.param(RUNNING, False, ([], [(1, 1, None, "")], []), id="under-way"),
    pytest.param(RUNNING, True, ([], [(1, 1, 3, "Deleted")], []), id="deleted-under-way"),
    pytest.param({**RUNNING, "attemptAllocatedTime": None}, False, ([], [], []), id="not-bound-yet"),
    pytest.param({**ENDED, "allocations": [record(1)]}, False, ([(1, 0, 1, "Failed")], [], []), id="recorded"),
    pytest.param({**ENDED, "allocations": [record(1)]}, True, ([(1, 0, 1, "Failed")], [], []), id="recorded-and-deleted"),
    pytest.param({**RUNNING, "attempt": 2, "allocations": [record(1)]}, False, ([(1, 0, 1, "Failed")], [(2, 1, None, "")], []), id="the-second-is-under-way"),
    pytest.param({**RUNNING, "attempt": 3}, False, ([], [(3, 1, None, "")], [(1, None, 0, "Unknown"), (2, None, 0, "Unknown")]), id="earlier-ones-without-a-record"),
    pytest.param({**ENDED, "completionTime": T.format(2)}, False, ([], [], [(1, None, 2, "Unknown")]), id="of-an-operator-of-before"),
    pytest.param({**ENDED, "allocations": [record(1, startTime=None)]}, False, ([(1, None, 1, "Failed")], [], []), id="held-nothing"),
    pytest.param({**ENDED, "allocations": [record(1, startTime=T.format(2))]}, False, ([(1, 1, 1, "Failed")], [], []), id="ends-before-it-begins"),
    pytest.param({**ENDED, "allocations": [record(1, endTime="soon"), "x", record(-1)]}, False, ([], [], [(1, None, 0, "Unknown")]), id="makes-no-sense"),
]  # fmt: skip


def short(rows: tuple[AllocationRow, ...]) -> list[tuple[Any, ...]]:
    def hour(time: int | None) -> int | None:
        return None if time is None else (time - at(0)) // 3_600_000_000

    return [(r.number, hour(r.start), hour(r.finish), r.outcome) for r in rows]


@pytest.mark.parametrize(("status", "deleted", "wanted"), CASES)
def test_rows_of_a_session(status: dict[str, Any], deleted: bool, wanted: Any) -> None:
    found = rows_of(session(**status), deleted, NOW)
    assert tuple(map(short, found)) == wanted


def test_a_row_has_the_resources_and_groups_of_its_session() -> None:
    (row,) = rows_of(session(**RUNNING), False, NOW).open
    assert (row.user, row.queue, row.labels) == ("ada", "q", '{"project":"moon"}')
    assert (row.gpus, row.cpu_millis, row.memory_bytes) == (2, 1000, 2 << 30)


CHECKPOINTS = [
    pytest.param(1, {}, None, id="none"),
    pytest.param(1, {"checkpointTime": T.format(0)}, 0, id="what-the-operator-knew"),
    pytest.param(2, {"checkpointTime": T.format(0)}, 0, id="of-the-next-attempt"),
]


@pytest.mark.parametrize(("attempt", "more", "hour"), CHECKPOINTS)
def test_the_checkpoint_of_an_attempt_that_is_over(
    attempt: int, more: dict[str, Any], hour: int | None
) -> None:
    status = {"phase": "Queued", "attempt": attempt, "allocations": [record(1, **more)]}
    body = session(**status, progress=PROGRESS if attempt == 2 else {})
    (row,) = rows_of(body, False, NOW).recorded
    assert row.checkpoint == (None if hour is None else at(hour))


def test_a_checkpoint_that_is_reported_late_counts_until_the_next_attempt() -> None:
    body = session(**ENDED, allocations=[record(1)], progress=PROGRESS)
    (row,) = rows_of(body, False, NOW).recorded
    assert row.checkpoint == at(1)


def test_the_last_sign_of_life_is_one_of_this_attempt() -> None:
    assert last_sign(session(**RUNNING, progress=PROGRESS)) == at(1)
    assert last_sign(session(**{**RUNNING, "attempt": 2}, progress=PROGRESS)) == at(2)
    assert last_sign(session()) is None


def test_only_what_changed_is_saved_and_a_failed_write_is_tried_again() -> None:
    unsaved, body = Unsaved(lambda: NOW), session(**RUNNING)
    first = unsaved.of([body], deleted=False)
    assert set(first) == {UID}
    assert unsaved.of([body], deleted=False) == first
    unsaved.saved(first, deleted=False)
    assert unsaved.of([body], deleted=False) == {}
    assert set(unsaved.of([session(**ENDED)], deleted=False)) == {UID}
    unsaved.forget([UID])
    assert unsaved.of([body], deleted=False) == first
    assert isinstance(first[UID], Rows)
