"""The ledger on both databases, and through the gateway: nothing is lost, nothing counts twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from old_schema import begin_again
from sqlalchemy import Connection, insert, select
from sqlalchemy.sql import column, table

from trainyard_api.rights.owner import User
from trainyard_api.timestamps import parse, to_micros
from trainyard_gateway import telemetry
from trainyard_gateway.errors import Unprocessable
from trainyard_gateway.store.connect import connect
from trainyard_gateway.store.ledger import writing
from trainyard_gateway.store.ledger.intervals import Interval
from trainyard_gateway.store.ledger.reading import Wanted, sums, totals
from trainyard_gateway.store.ledger.record import rows_of
from trainyard_gateway.store.schema.ledger_tables import allocations
from trainyard_gateway.store.sessions import SessionRow, save
from trainyard_gateway.store.store import Store
from trainyard_gateway.usage.figures import UsageFigures

pytestmark = pytest.mark.integration

UID = "00000000-0000-4000-8000-000000000001"
T = "2026-11-30T2{}:00:00Z"
RUNNING = {"phase": "Running", "attempt": 1, "attemptAllocatedTime": T.format(0)}
RECORD = {
    "kind": "Attempt", "number": 1, "startTime": T.format(0), "endTime": T.format(1), "exact": True,
    "ran": True, "gpus": 2, "cpuMillis": 1000, "memoryBytes": 1024, "outcome": "Preempted",
}  # fmt: skip
OVER = {"phase": "Queued", "attempt": 1, "allocations": [RECORD]}
SECOND = {**RUNNING, "attempt": 2, "attemptAllocatedTime": T.format(2), "allocations": [RECORD]}


def at(hour: int) -> int:
    found = parse(T.format(hour))
    assert found is not None
    return to_micros(found)


def session(**status: Any) -> dict[str, Any]:
    metadata = {"uid": UID, "name": "s1", "creationTimestamp": T.format(0), "labels": {"p": "x"}}
    return {"metadata": metadata, "spec": {"queue": "q"}, "status": {"gpus": 2, **status}}


def hours(connection: Connection) -> list[tuple[Any, ...]]:
    """Number, start, end (in hours) and outcome of each row."""
    found = connection.execute(select(allocations).order_by(allocations.c.number))
    return [
        (r.number, *((None if t is None else (t - at(0)) // 3_600_000_000) for t in (r.start, r.finish)), r.outcome)
        for r in found
    ]  # fmt: skip


STATES: list[Any] = [
    pytest.param([RUNNING], [(1, 0, None, "")], id="under-way"),
    pytest.param([RUNNING, OVER], [(1, 0, 1, "Preempted")], id="over"),
    pytest.param([OVER, RUNNING], [(1, 0, 1, "Preempted")], id="an-old-state-comes-late"),
    pytest.param([OVER, SECOND], [(1, 0, 1, "Preempted"), (2, 2, None, "")], id="the-next-one"),
    pytest.param([RUNNING, "deleted"], [(1, 0, 3, "Deleted")], id="deleted"),
    pytest.param([OVER, "deleted"], [(1, 0, 1, "Preempted")], id="deleted-after-its-end"),
    pytest.param([RUNNING, {"phase": "Queued", "attempt": 1}], [(1, 0, 0, "Unknown")], id="over-without-a-record"),
    pytest.param([{"phase": "Queued", "attempt": 1}, OVER], [(1, 0, 1, "Preempted")], id="recorded-later"),
]  # fmt: skip


@pytest.mark.parametrize(("states", "wanted"), STATES)
async def test_states_lead_to_rows_however_often_they_are_seen(
    database: Store, states: Sequence[Any], wanted: list[tuple[Any, ...]]
) -> None:
    last = RUNNING
    for state in states:
        deleted, last = state == "deleted", last if state == "deleted" else state
        rows = rows_of(session(**last), deleted, at(3))
        for _ in range(2):
            await database.write(lambda c, rows=rows: writing.save(c, [rows]))
    assert await database.read(hours) == wanted


async def test_a_checkpoint_that_was_reported_late_stays(database: Store) -> None:
    late = session(**OVER, progress={"attempt": 1, "lastCheckpoint": {"time": T.format(1)}})
    for body in (late, session(**SECOND)):
        rows = rows_of(body, False, at(3))
        await database.write(lambda c, rows=rows: writing.save(c, [rows]))
    first = select(allocations.c.checkpoint).where(allocations.c.number == 1)
    assert await database.read(lambda c: c.execute(first).scalar_one()) == at(1)


async def test_a_session_that_was_deleted_unseen_held_until_its_last_sign(database: Store) -> None:
    body = session(**RUNNING, progress={"attempt": 1, "lastHeartbeat": T.format(2)})
    stored = SessionRow(UID, "s1", T.format(0), json.dumps(body), True)
    await database.write(lambda c: writing.save(c, [rows_of(body, False, at(3))]))
    await database.write(lambda c: save(c, [stored]))

    await database.write(lambda c: writing.close_gone(c, {UID}))
    assert await database.read(hours) == [(1, 0, None, "")]
    for _ in range(2):
        await database.write(lambda c: writing.close_gone(c, {"another"}))
        assert await database.read(hours) == [(1, 0, 2, "Unknown")]


async def test_attempts_of_before_are_unknown_after_the_upgrade(
    database_url: tuple[str, Path | None],
) -> None:
    old = connect(*database_url)
    await old.open()
    ended = {"phase": "Failed", "attempt": 2, "completionTime": T.format(1)}
    rows = [
        {"uid": UID, "name": "s1", "created": T.format(0), "object": json.dumps(session(**ended)), "deleted": True},
        {"uid": "there", "name": "s2", "created": T.format(0), "object": json.dumps(session(**ended)), "deleted": False},
    ]  # fmt: skip
    names = ("uid", "name", "created", "object", "deleted")
    await old.write(lambda c: begin_again(c, "0009"))
    await old.write(lambda c: c.execute(insert(table("sessions", *map(column, names))), rows))
    await old.close()

    new = connect(*database_url)
    await new.open()
    assert await new.read(hours) == [(1, None, 1, "Unknown"), (2, None, 1, "Unknown")]
    await new.close()


async def test_the_totals_for_prometheus_are_those_of_what_is_over(database: Store) -> None:
    for body in (session(**OVER), session(**SECOND)):
        rows = rows_of(body, False, at(3))
        await database.write(lambda c, rows=rows: writing.save(c, [rows]))
    assert await database.read(totals) == [("q", "", 7200.0)]
    figures = UsageFigures(database)
    counted = telemetry.GPU_SECONDS.labels("q", "")._value
    for _ in range(2):
        before = counted.get()
        await figures.count()
    assert counted.get() == before >= 7200.0


async def test_a_question_reads_a_bounded_part_of_the_ledger(database: Store) -> None:
    rows = rows_of(session(**SECOND), False, at(3))
    await database.write(lambda c: writing.save(c, [rows]))
    wanted = Wanted(("user",), Interval(at(0), at(3)), at(3), asker=User("ci"))
    assert len(await database.read(lambda c: sums(c, wanted, 2))) == 1
    with pytest.raises(Unprocessable, match="more than 1 attempts"):
        await database.read(lambda c: sums(c, wanted, 1))
    for narrower in ({"user": "bo"}, {"queue": "p"}, {"window": Interval(0, at(0))}):
        assert await database.read(lambda c, n=narrower: sums(c, wanted._replace(**n))) == {}
