"""A session keeps its first and its newest log lines; history of sessions that are gone is removed in short steps."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, text
from store_lab import START, batch, new_uid, opened

from trainyard_gateway.store import history, sessions
from trainyard_gateway.store.connect import connect
from trainyard_gateway.store.logs.limit import ROW_BYTES
from trainyard_gateway.store.logs.lines import LogPage, read_lines
from trainyard_gateway.store.metrics import charts
from trainyard_gateway.store.reports import heartbeats
from trainyard_gateway.store.schema.tables import batches, log_usage, logs, metrics, rollups, series
from trainyard_gateway.store.sessions import SessionRow
from trainyard_gateway.store.store import Store

pytestmark = pytest.mark.integration

LIMIT = 1 << 20
PAD = "x" * 900


def lines(first: int, count: int, pad: str = PAD) -> list[dict[str, Any]]:
    return [{"time": START, "message": f"{n} {pad}"} for n in range(first, first + count)]


async def stored(database: Store, uid: str, **asked: Any) -> LogPage:
    options = {"after": 0, "most": 100_000, "tail": False, "most_bytes": 1 << 40, **asked}
    return await database.read(lambda c: read_lines(c, uid, **options))


def size(page: LogPage) -> int:
    return sum(len(line["message"].encode()) + ROW_BYTES for line in page.lines)


def numbers(page: LogPage) -> list[int]:
    return [int(line["message"].split()[0]) for line in page.lines if line["level"] == "info"]


@pytest.fixture
async def bounded(database_url: tuple[str, Path | None]) -> Any:
    database = connect(*database_url, log_max_bytes=LIMIT)
    await database.open()
    yield database
    await database.close()


async def test_a_program_that_prints_without_end_keeps_its_first_and_newest_lines(
    bounded: Store,
) -> None:
    uid, other = new_uid(), new_uid()
    await bounded.ingest(batch(other, 1, {}, logs=lines(0, 10)))
    for sequence in range(1, 41):
        assert not await bounded.ingest(
            batch(uid, sequence, {sequence: 1.0}, logs=lines(200 * (sequence - 1), 200))
        )
        page = await stored(bounded, uid)
        assert size(page) <= LIMIT
    duplicate = await bounded.ingest(batch(uid, 7, {7: 1.0}, logs=lines(1200, 200)))

    kept = numbers(page)
    [note] = [line for line in page.lines if line["level"] == "warning"]
    gap = kept.index(next(n for i, n in enumerate(kept) if n != i))
    assert duplicate
    assert kept[:gap] == list(range(gap))
    assert kept[gap:] == list(range(kept[gap], 8000))
    assert LIMIT // 4 - 2000 < gap * (len(PAD) + ROW_BYTES) <= LIMIT // 4
    assert page.lines[gap] == note
    removed = kept[gap] - gap
    assert note["message"].startswith(f"trainyard: {removed:,} lines with ")
    assert numbers(await stored(bounded, uid, most=5, tail=True)) == list(range(7995, 8000))
    assert numbers(await stored(bounded, other)) == list(range(10))


async def test_a_flood_of_one_session_delays_no_report_of_another(bounded: Store) -> None:
    noisy, quiet = new_uid(), new_uid()

    async def flood() -> None:
        for sequence in range(1, 26):
            await bounded.ingest(batch(noisy, sequence, {}, logs=lines(0, 250, "x" * 16_000)))

    flooding = asyncio.create_task(flood())
    slowest, sequence = 0.0, 0
    while not flooding.done():
        sequence += 1
        started = time.monotonic()
        await bounded.ingest(batch(quiet, sequence, {sequence: 1.0}))
        slowest = max(slowest, time.monotonic() - started)
        await asyncio.sleep(0.01)
    await flooding

    assert size(await stored(bounded, noisy)) <= LIMIT
    assert slowest < 2


async def test_lines_of_an_earlier_version_are_bounded_when_more_come(
    database: Store, database_url: tuple[str, Path | None]
) -> None:
    uid = new_uid()
    for sequence in range(1, 21):
        await database.ingest(batch(uid, sequence, {}, logs=lines(200 * sequence, 200)))
    await database.write(lambda c: c.execute(log_usage.delete()))
    await database.close()

    again = connect(*database_url, log_max_bytes=LIMIT)
    await again.open()
    await again.ingest(batch(uid, 21, {}, logs=lines(9999, 1)))
    page = await stored(again, uid)
    await again.close()

    assert size(page) <= LIMIT
    assert numbers(page)[0] == 200
    assert numbers(page)[-1] == 9999


async def test_a_page_of_long_lines_is_bounded_and_goes_on(database: Store) -> None:
    uid = new_uid()
    for sequence in range(1, 5):
        await database.ingest(batch(uid, sequence, {}, logs=lines(0, 200, "é" * 8000)))

    seen, after, more = 0, 0, True
    while more:
        page = await database.read(lambda c, at=after: read_lines(c, uid, at, 10_000, False))
        assert size(page) < 5 << 20
        seen, after, more = seen + len(page.lines), page.lines[-1]["cursor"], page.more
    last = await database.read(lambda c: read_lines(c, uid, 0, 10_000, True))

    assert seen == 800
    assert last.more
    assert last.lines[-1]["cursor"] == after


def count(connection: Connection) -> dict[str, int]:
    tables = (logs, metrics, rollups, series, batches, log_usage)
    return {
        t.name: connection.execute(select(func.count()).select_from(t)).scalar_one() for t in tables
    }


async def gone(database: Store, uid: str, deleted: bool = True) -> None:
    row = SessionRow(uid, uid, "2026-01-01T00:00:00Z", "{}", deleted)
    await database.write(lambda c: sessions.save(c, [row]))


async def test_history_of_a_session_that_is_gone_is_removed_in_short_steps(
    database: Store,
) -> None:
    uid, other = new_uid(), new_uid()
    for sequence in range(1, 11):
        steps = dict.fromkeys(range(100 * sequence, 100 * sequence + 100), 1.0)
        beat = {"time": START, "step": sequence}
        report = batch(uid, sequence, steps, logs=lines(0, 20), heartbeat=beat)
        await database.ingest(report)
        await database.ingest(report.model_copy(update={"session_uid": other}))
    await gone(database, uid)
    await gone(database, other, deleted=False)
    before = await database.read(count)

    marked = await database.read(history.missed)
    await database.write(lambda c: history.mark(c, marked, 1000))
    assert marked == [uid]
    assert await database.read(lambda c: history.due(c, 999)) == []
    assert await database.read(lambda c: history.due(c, 1000)) == [uid]
    steps, more = 0, True
    while more:
        held = await database.read(count)
        more = await database.write(lambda c: history.remove_some(c, uid, 50))
        left = await database.read(count)
        assert all(held[name] - left[name] <= 50 for name in held)
        steps += 1
    await database.clear_caches()

    assert steps > 25
    assert left == {name: number // 2 for name, number in before.items()}
    assert await database.read(lambda c: history.due(c, 1000)) == []
    assert await database.read(history.missed) == []
    assert len(numbers(await stored(database, other))) == 200
    window = charts.Window(10)
    assert await database.read(lambda c: charts.read_charts(c, uid, [], window)) == []
    assert await database.read(lambda c: heartbeats.of_session(c, uid)) is not None
    # A report that comes late is stored as that of a new session.
    assert not await database.ingest(batch(uid, 99, {1: 1.0}, logs=lines(0, 1)))
    assert numbers(await stored(database, uid)) == [0]


async def test_a_session_that_comes_back_is_counted_anew(database: Store) -> None:
    uid = new_uid()
    await gone(database, uid)
    await database.write(lambda c: history.mark(c, [uid], 1000))
    await gone(database, uid, deleted=False)

    back = await database.read(history.back)
    await database.write(lambda c: history.unmark(c, back))

    assert back == [uid]
    assert await database.read(lambda c: history.due(c, 10**18)) == []


async def test_space_of_removed_rows_goes_back(tmp_path: Path) -> None:
    path = tmp_path / "db.sqlite3"
    async with opened(f"sqlite:///{path}", None) as database:
        uid = new_uid()
        for sequence in range(1, 11):
            await database.ingest(batch(uid, sequence, {}, logs=lines(0, 1000)))
        await gone(database, uid)
        await database.write(lambda c: history.mark(c, [uid], 0))
        await database.read(lambda c: c.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).all())
        large = path.stat().st_size
        while await database.write(lambda c: history.remove_some(c, uid)):
            pass
        while await database.reclaim():
            pass
    assert large > 9 << 20
    assert path.stat().st_size < large // 4
