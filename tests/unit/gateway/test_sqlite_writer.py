"""Writes that share a transaction, when one of them fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import IntegrityError

from trainyard_api.report import Batch
from trainyard_gateway.store.metrics.cardinality import MAX_METRIC_NAMES, TooManyMetricNames
from trainyard_gateway.store.schema.tables import inbox
from trainyard_gateway.store.sqlite import SqliteStore


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    database = SqliteStore(tmp_path / "db.sqlite3")
    await database.open()
    await database.write(lambda c: c.execute(text("CREATE TABLE t (x INTEGER PRIMARY KEY)")))
    yield database
    await database.close()


def insert(value: int, how: str = "INSERT") -> Callable[[Connection], None]:
    def action(connection: Connection) -> None:
        connection.execute(text(f"{how} INTO t VALUES ({value})"))

    return action


async def together(database: SqliteStore, *actions: Callable[[Connection], Any]) -> list[Any]:
    """The results or exceptions of writes of one group, which form while the writer is held."""
    return await in_one_group(database, *(database.write(action) for action in actions))


async def in_one_group(database: SqliteStore, *requests: Coroutine[Any, Any, Any]) -> list[Any]:
    """The same of requests of any kind."""
    held, go = threading.Event(), threading.Event()

    def hold(_: Connection) -> None:
        held.set()
        assert go.wait(30)

    # It applies no batches, so that they wait in the inbox while the group is done.
    first = asyncio.create_task(database.write(hold, applied=False))
    await asyncio.to_thread(held.wait, 30)
    tasks = [asyncio.create_task(request) for request in requests]
    # Each task queues its request before it first waits.
    await asyncio.sleep(0)
    go.set()
    await first
    return await asyncio.gather(*tasks, return_exceptions=True)


async def stored(database: SqliteStore) -> list[int]:
    return await database.read(lambda c: list(c.scalars(text("SELECT x FROM t ORDER BY x"))))


async def test_a_failed_write_undoes_only_its_own_changes(database: SqliteStore) -> None:
    outcomes = await together(database, insert(1), insert(1), insert(2))

    assert [type(o) for o in outcomes] == [type(None), IntegrityError, type(None)]
    assert await stored(database) == [1, 2]


async def test_all_writes_fail_when_sqlite_rolls_back_the_transaction(
    database: SqliteStore,
) -> None:
    # OR ROLLBACK ends the transaction from inside, as SQLite itself does when the disk is full.
    outcomes = await together(
        database, insert(1), insert(1), insert(1, "INSERT OR ROLLBACK"), insert(2)
    )

    assert [type(o) for o in outcomes] == [IntegrityError] * 4
    assert all("UNIQUE constraint failed" in str(o) for o in outcomes)
    assert await stored(database) == []


async def test_the_writer_works_after_a_rollback(database: SqliteStore) -> None:
    await together(database, insert(1), insert(1, "INSERT OR ROLLBACK"))

    assert await together(database, insert(3), insert(4)) == [None, None]
    assert await stored(database) == [3, 4]


async def test_connections_that_open_beside_a_write_do_not_make_it_fail(
    database: SqliteStore,
) -> None:
    held, go = threading.Event(), threading.Event()

    def read_and_write(connection: Connection) -> None:
        connection.execute(text("SELECT x FROM t")).all()
        held.set()
        assert go.wait(30)
        connection.execute(text("INSERT INTO t VALUES (1)"))

    writing = asyncio.create_task(database.write(read_and_write))
    await asyncio.to_thread(held.wait, 30)
    # Several at once need more connections than the pool keeps open.
    await asyncio.wait_for(asyncio.gather(*[stored(database) for _ in range(8)]), 10)
    go.set()

    await writing
    assert await stored(database) == [1]


def batch(number: int) -> Batch:
    return Batch(session_uid="s", attempt=1, stream="rank-0", sequence=number)


def waiting(connection: Connection) -> int:
    """Batches that are not applied."""
    return int(connection.execute(select(func.count()).select_from(inbox)).scalar_one())


async def test_only_actions_that_see_reports_apply_them(database: SqliteStore) -> None:
    """Rows of the audit log come several times a second, and apply nothing by that."""
    beside, after = list[int](), list[int]()
    for number in range(1, 21):
        await database.ingest(batch(number))
        # Batches are applied by themselves after half a second: of many one still waits.
        beside.append(await database.write(waiting, applied=False))
        after.append(await database.write(waiting))

    assert max(beside) == 1
    assert after == [0] * 20


async def test_a_read_that_waits_for_reports_changes_nothing(database: SqliteStore) -> None:
    before = database.revision
    await database.ingest(batch(1))
    await database.read(waiting)

    assert database.revision == before


def names(number: int, first: int, last: int) -> Batch:
    """A batch with metrics of those numbers."""
    metrics = [
        {"step": step, "time": "2026-01-01T00:00:00Z", "values": {f"m{n}": 1.0 for n in some}}
        for step, some in enumerate(batched(range(first, last), 250))
    ]
    body = {"sessionUid": "s", "attempt": 1, "stream": "rank-0", "sequence": number}
    return Batch.model_validate({**body, "metrics": metrics})


def batched(numbers: range, size: int) -> list[range]:
    return [numbers[at : at + size] for at in range(0, len(numbers), size)]


@pytest.mark.parametrize("applied", [False, True], ids=["beside rows of the audit log", "others"])
async def test_names_that_wait_in_the_inbox_count_after_a_refusal(
    database: SqliteStore, applied: bool
) -> None:
    await database.ingest(names(1, 0, MAX_METRIC_NAMES))
    for number in (2, 3):
        more = names(number, MAX_METRIC_NAMES, MAX_METRIC_NAMES + 10)
        other = database.write(lambda _: "written", applied=applied)
        refused, written = await in_one_group(database, database.ingest(more), other)

        assert isinstance(refused, TooManyMetricNames)
        assert written == "written"


async def test_a_refusal_forgets_no_names_of_its_group(database: SqliteStore) -> None:
    """A sender that is refused between its others would have any number of names."""
    parts = [
        (0, MAX_METRIC_NAMES),
        *((MAX_METRIC_NAMES * n, MAX_METRIC_NAMES * n + 5) for n in (1, 2, 3)),
    ]
    batches = [names(number, *part) for number, part in enumerate(parts, 1)]
    first, *others = await in_one_group(database, *map(database.ingest, batches))

    assert first is False
    assert [type(other) for other in others] == [TooManyMetricNames] * 3


async def test_names_of_a_refused_batch_do_not_count(database: SqliteStore) -> None:
    almost = MAX_METRIC_NAMES - 5
    await database.ingest(names(1, 0, almost))
    with pytest.raises(TooManyMetricNames):
        await database.ingest(names(2, almost, almost + 6))

    assert await database.ingest(names(3, almost + 10, almost + 15)) is False
