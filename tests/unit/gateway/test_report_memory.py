"""Large reports take little memory beside their models, and none once they are applied."""

from __future__ import annotations

import tracemalloc
import weakref
from pathlib import Path

from poll import eventually_async
from sqlalchemy import Connection
from store_lab import START, batch, new_uid

from trainyard_gateway.store.logs.lines import insert_lines, read_lines
from trainyard_gateway.store.metrics.latest import latest_values
from trainyard_gateway.store.sqlite import SqliteStore

LINES = 10_000
MIB = 1 << 20


async def test_many_lines_become_rows_in_pieces(tmp_path: Path) -> None:
    database, uid = SqliteStore(tmp_path / "db.sqlite3"), new_uid()
    await database.open()
    large = batch(uid, 1, {}, logs=[{"time": START, "message": str(n)} for n in range(LINES)])

    def measured(connection: Connection) -> int:
        tracemalloc.start()
        try:
            insert_lines(connection, [large, large], 1 << 30)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak = await database.write(measured)
    page = await database.read(lambda c: read_lines(c, uid, 0, 3 * LINES, False))
    await database.close()

    # All rows of both at once took 40 MiB.
    assert peak < 5 * MIB
    assert [line["message"] for line in page.lines] == [str(n) for n in range(LINES)] * 2


async def test_nothing_keeps_a_report_that_was_applied(tmp_path: Path) -> None:
    database, uid = SqliteStore(tmp_path / "db.sqlite3"), new_uid()
    await database.open()
    sent = batch(uid, 1, {1: 1.0})
    kept = weakref.ref(sent)
    await database.ingest(sent)
    del sent

    async def let_go() -> bool:
        return kept() is None

    await eventually_async(let_go, within=60, what="a report that was applied is let go")
    assert await database.read(lambda c: latest_values(c, uid))
    await database.close()
