"""The inbox on both databases: readers miss no acknowledged batch, and neither a kill nor a bad entry loses one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from poll import eventually_async
from postgres import Postgres
from sqlalchemy import Connection, func, insert, select, text
from store_lab import START, batch, chart, new_uid, opened, values

from trainyard_api import timestamps
from trainyard_api.report import Batch
from trainyard_gateway.store.connect import connect
from trainyard_gateway.store.logs.lines import read_lines
from trainyard_gateway.store.metrics import charts
from trainyard_gateway.store.postgres import WRITER_LOCK
from trainyard_gateway.store.reports import heartbeats
from trainyard_gateway.store.schema.tables import batches, inbox, streams
from trainyard_gateway.store.store import Store

pytestmark = pytest.mark.integration

Url = tuple[str, Path | None]


def inbox_size(connection: Connection) -> int:
    """The number of entries."""
    return connection.execute(select(func.count()).select_from(inbox)).scalar_one()


def insert_as_killed_process(*given: Batch | str, uid: str) -> Any:
    """An action that inserts batches (or invalid bodies) of one stream into the inbox, as a killed process leaves them."""

    def write(connection: Connection) -> None:
        who = {"session_uid": uid, "attempt": 1, "stream": "rank-0"}
        connection.execute(insert(streams).values(who))
        ours = streams.c.session_uid == uid
        stream = connection.execute(select(streams.c.id).where(ours)).scalar_one()
        for sequence, one in enumerate(given, 1):
            body = one if isinstance(one, str) else one.model_dump_json(by_alias=True)
            row = {"stream_id": stream, "sequence": sequence, "body": body}
            connection.execute(insert(inbox).values(row))

    return write


def take_sequence_2(connection: Connection) -> None:
    """Make the second inbox entry fail: insert a row of `batches` with its stream and sequence."""
    second = select(inbox.c.stream_id, inbox.c.sequence).where(inbox.c.sequence == 2)
    connection.execute(insert(batches).from_select(["stream_id", "sequence"], second))


async def test_reads_see_every_acknowledged_batch(database: Store) -> None:
    uid = new_uid()
    for sequence in range(1, 60):
        sent = batch(
            uid,
            sequence,
            {sequence: float(sequence)},
            logs=[{"time": START, "message": str(sequence)}],
            heartbeat={"time": timestamps.now_text(), "step": sequence},
        )
        assert not await database.ingest(sent)

        assert values(await chart(database, uid))[sequence] == sequence
        lines = await database.read(lambda c: read_lines(c, uid, 0, 100, False).lines)
        assert [line["message"] for line in lines] == [str(n) for n in range(1, sequence + 1)]
        beat = await database.read(lambda c: heartbeats.of_session(c, uid))
        assert beat is not None
        assert beat.heartbeat is not None
        assert beat.heartbeat.step == sequence


async def test_writes_see_every_acknowledged_batch(database: Store) -> None:
    uid = new_uid()
    await database.ingest(batch(uid, 1, {1: 1.0}))

    assert await database.write(inbox_size) == 0


async def test_the_inbox_is_applied_without_a_read(database: Store) -> None:
    heard: list[str] = []
    database.on_applied(heard.append)
    uid = new_uid()
    await database.ingest(batch(uid, 1, {1: 1.0}))

    async def notified() -> bool:
        return heard == [uid]

    await eventually_async(notified, within=60, every=0.01)
    window = charts.Window(9)
    [series] = await database.read(lambda c: charts.read_charts(c, uid, ["loss"], window), False)
    assert values(series) == {1: 1.0}
    assert await database.read(inbox_size, applied=False) == 0


async def test_entries_of_a_killed_process_are_applied_and_known(
    database: Store, database_url: Url
) -> None:
    uid = new_uid()
    sent = [batch(uid, n, {n: float(n)}) for n in range(1, 6)]
    await database.write(insert_as_killed_process(*sent, uid=uid))
    if database.exclusive:
        await database.close()
    async with opened(*database_url) as another:
        assert [await another.ingest(b) for b in (sent[4], sent[0])] == [True, True]
        assert not await another.ingest(batch(uid, 6, {6: 6.0}))
        found = await chart(another, uid)
        count = await another.read(lambda c: c.execute(select(func.count(batches.c.id))).scalar())

    assert values(found) == {n: float(n) for n in range(1, 7)}
    assert count == 6


async def test_entries_found_at_the_start_are_applied_without_a_read(
    database: Store, database_url: Url
) -> None:
    uid = new_uid()
    await database.write(insert_as_killed_process(batch(uid, 1, {1: 1.0}), uid=uid))
    await database.close()
    another = connect(*database_url)
    await another.open()

    async def empty() -> bool:
        return await another.read(inbox_size, applied=False) == 0

    await eventually_async(empty, within=60, every=0.01)
    window = charts.Window(9)
    [series] = await another.read(lambda c: charts.read_charts(c, uid, ["loss"], window), False)
    assert values(series) == {1: 1.0}
    await another.close()


async def test_closing_applies_the_inbox(database: Store, database_url: Url) -> None:
    await asyncio.gather(*(database.ingest(batch(new_uid(), 1, {1: 1.0})) for _ in range(50)))
    await database.close()
    # Without `open`, no task applies the inbox.
    another = connect(*database_url)

    assert await another.read(inbox_size, applied=False) == 0

    await another.close()


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param("{}", id="not a batch"),
        pytest.param("no json", id="not JSON"),
        pytest.param(None, id="a batch that the tables refuse"),
    ],
)
async def test_a_bad_entry_is_quarantined_and_delays_no_other(
    database: Store, database_url: Url, bad: str | None
) -> None:
    uid = new_uid()
    second = batch(uid, 2, {2: 2.0}) if bad is None else bad
    given = [batch(uid, 1, {1: 1.0}), second, batch(uid, 3, {3: 3.0})]
    insert_given = insert_as_killed_process(*given, uid=uid)

    def prepare(connection: Connection) -> None:
        insert_given(connection)
        if bad is None:
            take_sequence_2(connection)

    await database.write(prepare)
    if database.exclusive:
        await database.close()
    async with opened(*database_url) as another:
        await another.ingest(batch(uid, 4, {4: 4.0}))
        found = values(await chart(another, uid))
        await another.ingest(batch(uid, 5, {5: 5.0}))
        later = values(await chart(another, uid))
        kept = await another.read(inbox_size)

    assert found == {1: 1.0, 3: 3.0, 4: 4.0}
    assert later == {**found, 5: 5.0}
    assert kept == 1


async def test_another_gateway_sees_every_acknowledged_batch(postgres: Postgres) -> None:
    where = (postgres.database(), postgres.password_file)
    async with opened(*where) as first, opened(*where) as second:
        uid = new_uid()
        for n in range(1, 40):
            await first.ingest(batch(uid, n, {n: float(n)}))
            assert values(await chart(second, uid))[n] == n
            assert await second.ingest(batch(uid, n, {n: 0.0}))
        found = values(await chart(first, uid))

    assert found == {n: float(n) for n in range(1, 40)}


@pytest.mark.parametrize("isolation", ["read committed", "serializable"])
async def test_a_batch_repeated_while_it_is_applied_is_known(
    postgres: Postgres, isolation: str
) -> None:
    """Another transaction applies the inbox step by step, whatever isolation level is the default."""
    url = postgres.database()
    name = url.rpartition("/")[2]
    postgres.sql(url, f"ALTER DATABASE {name} SET default_transaction_isolation = '{isolation}'")
    database = connect(url, postgres.password_file)
    await database.open()
    password = postgres.password_file.read_text().strip()
    other = await asyncpg.connect(url, password=password)
    try:
        uid = new_uid()
        applying = other.transaction(isolation="read_committed")
        await applying.start()
        await other.execute(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")
        assert not await database.ingest(batch(uid, 1, {1: 1.0}))
        await other.execute(
            "INSERT INTO batches (stream_id, sequence) SELECT stream_id, sequence FROM arrivals"
        )
        await other.execute("DELETE FROM arrivals")

        again = asyncio.create_task(database.ingest(batch(uid, 1, {1: 2.0})))

        async def waits() -> bool:
            blocked = (
                "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'transactionid'"
                " AND datname = current_database()"
            )
            return await other.fetchval(blocked) == 1

        await eventually_async(waits, within=60, every=0.01)
        await applying.commit()

        assert await again
        assert await database.read(inbox_size) == 0
    finally:
        await other.close()
        await database.close()


async def test_a_broken_connection_loses_no_batch(postgres: Postgres) -> None:
    where = (postgres.database(), postgres.password_file)
    database, other = connect(*where), connect(*where)
    await database.open()
    others = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    try:
        uid = new_uid()
        for n in range(1, 4):
            assert not await database.ingest(batch(uid, n, {n: float(n)}))
            assert len(await other.read(lambda c: c.execute(others).all(), applied=False)) >= 1
        found = values(await chart(database, uid))
    finally:
        await other.close()
        await database.close()

    assert found == {1: 1.0, 2: 2.0, 3: 3.0}


async def test_a_connection_lost_while_the_inbox_is_applied_quarantines_nothing(
    postgres: Postgres,
) -> None:
    where = (postgres.database(), postgres.password_file)
    password = postgres.password_file.read_text().strip()
    locker = await asyncpg.connect(where[0], password=password)
    watcher = await asyncpg.connect(where[0], password=password)
    blocked = (
        "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND wait_event = 'relation'"
        " AND datname = current_database()"
    )

    async def applying() -> bool:
        return await watcher.fetchval(f"SELECT count(*) {blocked}") == 1

    async with opened(*where) as database:
        uid = new_uid()
        async with locker.transaction():
            await locker.execute("LOCK TABLE metrics IN ACCESS EXCLUSIVE MODE")
            await database.ingest(batch(uid, 1, {1: 1.0}))
            await eventually_async(applying, within=60, every=0.01)
            await watcher.execute(f"SELECT pg_terminate_backend(pid) {blocked}")
        found = values(await chart(database, uid))
    await locker.close()
    await watcher.close()

    assert found == {1: 1.0}
