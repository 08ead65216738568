"""Charts are cached until their session reports again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import orjson
from sqlalchemy import Connection, event, update

from trainyard_api.report import Batch
from trainyard_gateway.store.metrics import charts
from trainyard_gateway.store.metrics.chart_cache import ENTRY_BYTES, ChartCache
from trainyard_gateway.store.metrics.charts import Window
from trainyard_gateway.store.schema.tables import metrics
from trainyard_gateway.store.sqlite import SqliteStore
from trainyard_gateway.store.store import Store

T = TypeVar("T")

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def batch(uid: str, sequence: int, value: float) -> Batch:
    row = {"step": sequence, "time": NOW, "values": {"loss": value}}
    return Batch.model_validate(
        {
            "sessionUid": uid,
            "attempt": 1,
            "stream": "rank-0",
            "sequence": sequence,
            "metrics": [row],
        }
    )


async def values(cache: ChartCache, uid: str, most: int = 100) -> list[float]:
    body = orjson.loads(await cache.read(f"name-of-{uid}", uid, ["loss"], Window(most)))
    assert body["session"] == f"name-of-{uid}"
    return [p["value"] for series in body["series"] for p in series["points"]]


def change_without_report(connection: Connection) -> None:
    """Change values without a report: old values then come from the cache."""
    connection.execute(update(metrics).values(value=-1.0))


async def test_a_chart_is_cached_until_its_session_reports(database: Store) -> None:
    cache = ChartCache(database)
    for uid in ("a", "b"):
        await database.ingest(batch(uid, 1, 1.0))
        assert await values(cache, uid) == [1.0]
    await database.write(change_without_report)

    await database.ingest(batch("a", 2, 2.0))

    assert await values(cache, "a") == [-1.0, 2.0]
    assert await values(cache, "b") == [1.0]
    assert await values(cache, "b", most=50) == [-1.0]


class HeldStore(SqliteStore):
    """Reads return after `let_go` is set."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.has_read, self.let_go = asyncio.Event(), asyncio.Event()

    async def read(self, action: Callable[[Connection], T]) -> T:
        found = await super().read(action)
        self.has_read.set()
        await self.let_go.wait()
        return found


async def test_a_chart_is_not_cached_if_a_report_arrives_during_its_read(tmp_path: Path) -> None:
    database = HeldStore(tmp_path / "db.sqlite3")
    await database.open()
    cache = ChartCache(database)
    await database.ingest(batch("a", 1, 1.0))
    reading = asyncio.create_task(values(cache, "a"))
    await database.has_read.wait()
    await database.ingest(batch("a", 2, 2.0))
    database.let_go.set()

    assert await reading == [1.0]
    assert await values(cache, "a") == [1.0, 2.0]
    await database.close()


async def test_the_least_recently_used_session_is_evicted_at_the_limit(
    database: Store,
) -> None:
    for uid in ("a", "b", "c"):
        await database.ingest(batch(uid, 1, 1.0))
    body = await ChartCache(database).read("name-of-a", "a", ["loss"], Window(100))
    size = ENTRY_BYTES + len("loss") + len(body)
    three, two = (ChartCache(database, max_bytes) for max_bytes in (3 * size, 3 * size - 1))
    for cache in (three, two):
        for uid in ("a", "b", "a", "c"):
            assert await values(cache, uid) == [1.0]
    await database.write(change_without_report)

    assert [await values(three, uid) for uid in ("a", "b", "c")] == [[1.0]] * 3
    assert [await values(two, uid) for uid in ("a", "c", "b")] == [[1.0], [1.0], [-1.0]]


class CountedStore(SqliteStore):
    """Counts its readings."""

    readings = 0

    async def read(self, action: Callable[[Connection], T], applied: bool = True) -> T:
        self.readings += 1
        return await super().read(action, applied)


async def columns(cache: ChartCache, *uids: str, metric: str = "loss") -> dict[str, list[float]]:
    found = await cache.read_columns(uids, metric, Window(100))
    return {uid: orjson.loads(body)["values"] for uid, body in found.items()}


async def test_curves_of_many_sessions_are_read_at_once_and_only_where_they_grew(
    tmp_path: Path,
) -> None:
    database = CountedStore(tmp_path / "db.sqlite3")
    await database.open()
    cache = ChartCache(database)
    for uid in ("a", "b"):
        await database.ingest(batch(uid, 1, 1.0))

    assert await columns(cache, "b", "a", "silent") == {"a": [1.0], "b": [1.0]}
    assert await columns(cache, "a", "b", "silent", metric="none") == {}
    assert database.readings == 2
    await database.write(change_without_report)
    await database.ingest(batch("a", 2, 2.0))

    assert await columns(cache, "a", "b", "silent") == {"a": [-1.0, 2.0], "b": [1.0]}
    assert await values(cache, "b") == [-1.0]
    assert database.readings == 4
    await database.close()


async def test_charts_of_metrics_that_are_not_there_take_place_too(tmp_path: Path) -> None:
    database = CountedStore(tmp_path / "db.sqlite3")
    await database.open()
    cache = ChartCache(database, max_bytes=10 * ENTRY_BYTES)
    for number in range(15):
        assert await columns(cache, "a", metric=f"none-{number}") == {}
    before = database.readings

    await columns(cache, "a", metric="none-14")
    await columns(cache, "a", metric="none-0")

    assert database.readings == before + 1
    await database.close()


async def test_what_is_prepared_is_what_charts_run(database: Store) -> None:
    """Of a series with roll-ups that hold a NaN, and of a short one."""
    for uid, count in (("long", 600), ("short", 3)):
        rows = [
            {"step": n, "time": NOW, "values": {"loss": "NaN" if n == 7 else n}}
            for n in range(count)
        ]
        body = {"sessionUid": uid, "attempt": 1, "stream": "rank-0", "sequence": 1, "metrics": rows}
        await database.ingest(Batch.model_validate(body))

    def statements(connection: Connection, *actions: Callable[[Connection], object]) -> set[str]:
        ran: set[str] = set()

        def note(_c: object, _k: object, statement: str, *_: object) -> None:
            ran.add(statement)

        event.listen(connection, "before_cursor_execute", note)
        for action in actions:
            action(connection)
        return ran

    prepared = await database.read(lambda c: statements(c, charts.prepare))
    ran = await database.read(
        lambda c: statements(
            c,
            lambda c: charts.read_charts(c, "long", ["loss"], Window(40)),
            lambda c: charts.read_columns(c, ["long"], "loss", Window(40)),
            lambda c: charts.read_columns(c, ["short"], "loss", Window(40)),
        )
    )

    assert sum(statement.startswith("SELECT") for statement in ran) == 6
    assert ran <= prepared
