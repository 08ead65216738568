"""Ingest of reports on both databases: nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from postgres import Postgres
from sqlalchemy import func, select
from store_lab import START, batch, chart, new_uid, opened, values

from trainyard_api import timestamps
from trainyard_gateway.errors import Unprocessable
from trainyard_gateway.store import changes
from trainyard_gateway.store.connect import connect
from trainyard_gateway.store.logs.lines import read_lines
from trainyard_gateway.store.metrics import charts
from trainyard_gateway.store.metrics.latest import latest_values
from trainyard_gateway.store.reports import heartbeats
from trainyard_gateway.store.schema.tables import batches
from trainyard_gateway.store.store import Store

pytestmark = pytest.mark.integration


async def test_repeated_batches_have_no_effect_in_one_commit_or_later(database: Store) -> None:
    uid = new_uid()
    line = {"time": START, "message": "once"}
    sent = [batch(uid, n % 5, {n % 5: float(n % 5)}, logs=[line]) for n in range(1, 5)] * 10

    answers = await asyncio.gather(*(database.ingest(b) for b in sent))
    again = await database.ingest(sent[0])

    assert (answers.count(False), again) == (4, True)
    assert values(await chart(database, uid)) == {1: 1.0, 2: 2.0, 3: 3.0, 4: 4.0}
    assert len(await database.read(lambda c: read_lines(c, uid, 0, 100, False).lines)) == 4


async def test_a_skipped_sequence_is_accepted_once_when_it_comes_later(
    database: Store, database_url: tuple[str, Path | None]
) -> None:
    uid = new_uid()
    assert [await database.ingest(batch(uid, n, {n: 1.0})) for n in (5, 3, 3, 5)] == [
        False, False, True, True,
    ]  # fmt: skip
    late = [batch(uid, n, {n: 1.0}) for n in (9, 7, 7, 9)]
    assert sorted(await asyncio.gather(*(database.ingest(b) for b in late))) == [
        False, False, True, True,
    ]  # fmt: skip
    another = connect(*database_url)
    if database.exclusive:
        await database.close()
    await another.open()
    answers = [await another.ingest(batch(uid, n, {n: 1.0})) for n in (4, 3, 4, 9, 10)]
    found = values(await chart(another, uid))
    await another.close()

    assert answers == [False, True, True, True, False]
    assert sorted(found) == [3, 4, 5, 7, 9, 10]


async def test_a_step_is_as_old_as_the_gateways_knowledge_of_it(database: Store) -> None:
    """A node's clock may be behind, and a report may have waited: neither makes a training look hung."""
    uid, times = new_uid(), [timestamps.now_text()]
    for number, step in enumerate((5, 5, 6), start=1):
        await database.ingest(batch(uid, number, {}, heartbeat={"time": START, "step": step}))
        found = await database.read(lambda c: heartbeats.of_session(c, uid))
        assert found is not None
        times.append(found.last_step_time or "")

    before, first, same, next_one = times
    assert before <= first == same <= next_one <= timestamps.now_text()


async def test_listeners_are_called_before_the_sender_gets_its_answer(database: Store) -> None:
    heard: list[str] = []
    database.on_durable(heard.append)

    async def send(uid: str) -> bool:
        await database.ingest(batch(uid, 1, {1: 1.0}))
        return uid in heard

    uids = [new_uid() for _ in range(5)]
    assert await asyncio.gather(*map(send, uids)) == [True] * 5
    assert sorted(heard) == sorted(uids)


async def test_a_later_attempt_replaces_values_and_an_earlier_one_does_not(database: Store) -> None:
    uid = new_uid()
    await database.ingest(batch(uid, 1, dict.fromkeys(range(100), 1.0)))
    await database.ingest(batch(uid, 1, dict.fromkeys(range(50, 80), 2.0), attempt=2))
    await database.ingest(batch(uid, 2, dict.fromkeys(range(60, 110), 3.0)))

    found = await chart(database, uid)

    wanted = dict.fromkeys(range(50), 1.0) | dict.fromkeys(range(50, 80), 2.0)
    wanted |= {n: 1.0 if n < 100 and n >= 80 else 3.0 for n in range(80, 110)}
    wanted |= dict.fromkeys(range(80, 110), 3.0)
    assert values(found) == wanted
    assert found["total"] == 110
    [latest] = await database.read(lambda c: latest_values(c, uid))
    assert (latest.step, latest.value) == (79, 2.0)


async def test_non_finite_values_are_read_as_text(database: Store) -> None:
    uid = new_uid()
    await database.ingest(batch(uid, 1, {1: "NaN", 2: "Infinity", 3: "-Infinity", 4: -0.0}))

    assert values(await chart(database, uid)) == {1: "NaN", 2: "Infinity", 3: "-Infinity", 4: 0.0}


async def test_text_with_nul_and_emoji_is_stored(database: Store) -> None:
    uid = new_uid()
    row = {"step": 1, "time": START, "values": {"a": 1.0, "ü/🦉": 2.0}}
    lines = [{"time": START, "message": "nul \x00, owl 🦉, \x1b[0m", "rank": 2**31 - 1}]
    await database.ingest(batch(uid, 1, {}, metrics=[row], logs=lines))

    latest = await database.read(lambda c: latest_values(c, uid))
    [line] = await database.read(lambda c: read_lines(c, uid, 0, 9, False).lines)
    window = charts.Window(9)
    [asked] = await database.read(lambda c: charts.read_charts(c, uid, ["a", "\x00"], window))

    assert asked["name"] == "a"
    assert {v.name: v.value for v in latest} == {"a": 1.0, "ü/🦉": 2.0}
    assert line["message"] == "nul \\0, owl 🦉, \x1b[0m"


async def test_a_refused_batch_leaves_the_others_of_its_group_alone(database: Store) -> None:
    good = [batch(new_uid(), 1, {1: 1.0}) for _ in range(20)]
    rows = [
        {"step": n, "time": START, "values": {f"m{n}-{i}": 1.0 for i in range(250)}}
        for n in range(10)
    ]
    bad = batch(new_uid(), 1, {}, metrics=rows)

    answers = await asyncio.gather(
        *(database.ingest(b) for b in (*good[:10], bad, *good[10:])), return_exceptions=True
    )

    assert [a for a in answers if a is False] == [False] * 20
    assert isinstance(answers[10], Unprocessable)
    for one in good:
        assert values(await chart(database, one.session_uid)) == {1: 1.0}


async def test_a_heartbeat_of_an_earlier_attempt_is_ignored(database: Store) -> None:
    uid = new_uid()
    for attempt, sequence, step in ((1, 1, 5), (2, 1, 3), (1, 2, 9)):
        beat = {"time": START, "step": step}
        await database.ingest(batch(uid, sequence, {}, attempt=attempt, heartbeat=beat))

    row = await database.read(lambda c: heartbeats.of_session(c, uid))

    assert row is not None
    assert row.heartbeat is not None
    assert (row.attempt, row.heartbeat.step) == (2, 3)


async def test_changes_since_a_cursor(database: Store) -> None:
    uid, other = new_uid(), new_uid()
    await database.ingest(batch(uid, 1, {1: 1.0}))
    cursor = await database.read(lambda c: changes.current_cursor(c, uid))
    await database.ingest(batch(other, 1, {9: 9.0}))
    await database.ingest(batch(uid, 2, {2: 2.0}, logs=[{"time": START, "message": "x"}]))

    found = await database.read(lambda c: changes.since(c, uid, cursor))
    rest = await database.read(lambda c: changes.since(c, uid, found.cursor))

    assert [p["step"] for p in found.points] == [2]
    assert [line["message"] for line in found.lines] == ["x"]
    assert (rest.points, rest.lines, rest.more) == ([], [], False)


async def test_two_gateways_on_one_database_store_each_batch_once(postgres: Postgres) -> None:
    where = (postgres.database(), postgres.password_file)
    async with opened(*where) as first, opened(*where) as second:
        uid = new_uid()
        sent = [batch(uid, n, {n: float(n)}) for n in range(1, 60)]
        answers = await asyncio.gather(*(d.ingest(b) for b in sent for d in (first, second)))
        found = await chart(first, uid)

    assert answers.count(False) == 59
    assert values(found) == {n: float(n) for n in range(1, 60)}


async def test_every_batch_has_a_row(database: Store) -> None:
    uid = new_uid()
    await asyncio.gather(*(database.ingest(batch(uid, n, {})) for n in range(1, 1200)))

    count = select(func.count()).select_from(batches)
    assert await database.read(lambda c: c.execute(count).scalar_one()) == 1199
