"""Events are written before their answers, once, and only so many stay, on both databases' SQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from away_database import AwayDatabase

from trainyard_gateway.audit.answers import as_csv, as_lines, info, place_of
from trainyard_gateway.audit.bound import AuditBound, share
from trainyard_gateway.audit.event import AuditEvent, AuditKind, AuditVerb, Channel
from trainyard_gateway.audit.trail import AuditTrail, row_of
from trainyard_gateway.repeated_failures import MOST_WRITTEN
from trainyard_gateway.store.access import audit
from trainyard_gateway.store.access.audit import AuditQuery, AuditRow
from trainyard_gateway.store.database import Connection, Database

T = TypeVar("T")


def event(time: int = 1, **more: Any) -> AuditEvent:
    given = {"object": f"s{time}", "channel": Channel.KEY, "user": "ada", "status": 200, **more}
    return AuditEvent(time, AuditVerb.CREATE, AuditKind.SESSION, **given)


async def objects(database: Database, **wanted: Any) -> list[str]:
    query = AuditQuery(**wanted)
    found = await database.read(lambda c: audit.page(c, query, None, 100), applied=False)
    return [row.object for _, row in found]


async def test_an_event_is_durable_when_it_is_noted(database: Database) -> None:
    trail = AuditTrail(database)
    running = asyncio.create_task(trail.run())
    try:
        await asyncio.gather(*(trail.note(event(n)) for n in range(1, 6)))
        assert await objects(database) == ["s5", "s4", "s3", "s2", "s1"]
    finally:
        running.cancel()


async def test_events_leave_what_is_known_of_runs(database: Database) -> None:
    """Each would make programs that log values wait for a read of their runs."""
    trail = AuditTrail(database)
    before = database.revision
    noting = asyncio.create_task(trail.note(event()))
    await asyncio.sleep(0)
    await trail.flush()
    await noting
    await AuditBound(database, 365, 1000, clock=lambda: 0).prune()

    assert await objects(database) == ["s1"]
    assert database.revision == before


async def test_a_mark_is_written_once(database: Database) -> None:
    rows = [row_of(event(n, mark="u:create")) for n in (1, 2)]
    for row in rows:
        await database.write(lambda c, row=row: audit.append(c, [row]))

    assert await objects(database) == ["s1"]


async def test_refusals_that_repeat_become_one_event_more(database: Database) -> None:
    trail = AuditTrail(database)
    for n in range(1, 51):
        noting = asyncio.ensure_future(trail.note(event(n, status=403)))
        await asyncio.sleep(0)
        noting.cancel()
    await trail.close()

    found = await database.read(lambda c: audit.page(c, AuditQuery(), None, 100))

    assert len(found) == MOST_WRITTEN + 1
    assert found[0][1].detail == "30 more like this"


async def test_old_events_and_too_many_are_deleted(database: Database) -> None:
    day = 86_400 * 1_000_000
    rows = [row_of(event(n * day)) for n in range(1, 11)]
    await database.write(lambda c: audit.append(c, rows))

    await AuditBound(database, 5, 1000, clock=lambda: 11 * 86_400).prune()
    assert len(await objects(database)) == 5
    await AuditBound(database, 365, 2, clock=lambda: 11 * 86_400).prune()
    assert await objects(database) == [f"s{n * day}" for n in (10, 9)]


async def test_noise_of_one_user_pushes_out_no_events_of_others(database: Database) -> None:
    noise = [row_of(event(n, user="mallory")) for n in range(100, 120)]
    rows = [row_of(event(n, user=user)) for n, user in ((1, "ada"), (2, "mallory"), (3, "bob"))]
    await database.write(lambda c: audit.append(c, [*rows, *noise]))

    await AuditBound(database, 365, 12, clock=lambda: 0.0).prune()

    assert await objects(database) == [*(f"s{n}" for n in range(119, 109, -1)), "s3", "s1"]


SHARES: list[Any] = [
    pytest.param([], 10, None, id="nothing"),
    pytest.param([5, 5], 10, None, id="just-full"),
    pytest.param([6, 5], 10, 5, id="equal"),
    pytest.param([1, 100], 10, 9, id="one-has-all"),
    pytest.param([1, 2, 50, 50], 13, 5, id="two-have-most"),
    pytest.param([1] * 20, 10, None, id="one-of-each-stays"),
    pytest.param([2] * 20, 10, 1, id="more-users-than-events"),
]


@pytest.mark.parametrize(("counts", "keep", "wanted"), SHARES)
def test_users_with_the_most_events_share_what_may_stay(
    counts: list[int], keep: int, wanted: int | None
) -> None:
    assert share(counts, keep) == wanted
    assert share(reversed(counts), keep) == wanted


async def test_writing_and_deleting_leave_reports_as_they_are(database: Database) -> None:
    trail, before = AuditTrail(database), database.revision
    noting = asyncio.ensure_future(trail.note(event()))
    await asyncio.sleep(0)
    await trail.flush()
    await noting
    await AuditBound(database, 1, 1000).prune()

    assert await objects(database) == []
    assert database.revision == before


async def test_a_program_does_not_wait_for_its_events(database: Database) -> None:
    trail = AuditTrail(database)
    await trail.note(event(channel=Channel.PROGRAM))
    assert await objects(database) == []
    await trail.close()

    assert await objects(database) == ["s1"]


class SlowDatabase(AwayDatabase):
    """Begins to write late, and not at all when its caller stops."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.asked, self.go = asyncio.Event(), asyncio.Event()

    async def write(self, action: Callable[[Connection], T], applied: bool = True) -> T:
        self.asked.set()
        await self.go.wait()
        return await super().write(action, applied)


async def test_the_end_of_the_gateway_loses_no_event(database: Database) -> None:
    slow = SlowDatabase(database)
    trail = AuditTrail(slow)
    running = asyncio.create_task(trail.run())
    await trail.note(event(1, channel=Channel.PROGRAM))
    await slow.asked.wait()
    await trail.note(event(2, channel=Channel.PROGRAM))
    running.cancel()
    await asyncio.wait([running])
    slow.go.set()
    await trail.close()

    assert await objects(database) == ["s2", "s1"]


async def test_events_wait_for_a_database_that_is_away(database: Database) -> None:
    away = AwayDatabase(database)
    trail = AuditTrail(away)
    away.away = True
    for n in (1, 2):
        await trail.note(event(n, channel=Channel.PROGRAM))
        assert not await trail.flush()
    away.away = False

    assert await trail.flush()
    assert await objects(database) == ["s2", "s1"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        pytest.param({"user": "bob"}, ["s2"], id="user"),
        pytest.param({"object": "s1"}, ["s1"], id="name"),
        pytest.param({"object": "uid3"}, ["s3"], id="uid"),
        pytest.param({"channel": "kubectl"}, ["s3"], id="channel"),
        pytest.param({"verb": "delete"}, [], id="verb"),
        pytest.param({"kind": "session", "since": 2, "until": 3}, ["s2"], id="times"),
    ],
)
async def test_events_are_searched(
    database: Database, wanted: dict[str, Any], found: list[str]
) -> None:
    rows = [event(1), event(2, user="bob"), event(3, channel=Channel.KUBECTL, uid="uid3", user="")]
    await database.write(lambda c: audit.append(c, [row_of(e) for e in rows]))

    assert await objects(database, **wanted) == found


def test_an_export_has_no_formulas() -> None:
    shown = [info(1, AuditRow(1, "=1+1", "key", "k", "", "create", "user", "a,b", "", 201, "", "r", None))]  # fmt: skip

    header, line = as_csv(shown, header=True).splitlines()

    assert header.startswith("id,time,user,channel,credential,client,verb,kind,object,uid,status")
    assert "'=1+1" in line
    assert '"a,b"' in line
    assert as_lines(shown).count("\n") == 1


@pytest.mark.parametrize("text", ["1", "a.b", "-1.2", f"{'9' * 40}.1"])
def test_other_texts_are_no_place(text: str) -> None:
    with pytest.raises(ValueError, match="no cursor"):
        place_of(text)
