"""The migrations make exactly the tables of the code, and hot queries use their indexes."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hot_queries import QUERIES
from sqlalchemy import Connection, text

from trainyard_gateway.errors import SettingsError
from trainyard_gateway.store.connect import connect
from trainyard_gateway.store.database import Database
from trainyard_gateway.store.schema.tables import metadata


async def test_migrations_make_the_tables(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    assert await database.read(differences) == []


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
async def test_hot_queries_neither_scan_nor_sort(database: Database, query: str) -> None:
    def plan(connection: Connection) -> str:
        return "; ".join(r.detail for r in connection.execute(text(f"EXPLAIN QUERY PLAN {query}")))

    found = await database.read(plan)

    assert "SCAN" not in found
    assert "TEMP B-TREE" not in found


async def test_a_foreign_database_is_refused(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "db.sqlite3"
    with sqlite3.connect(path) as foreign:
        foreign.execute("CREATE TABLE metrics (x)")
    foreign.close()

    with pytest.raises(SettingsError, match="migrations did not make"):
        await connect(f"sqlite:///{path}").open()


async def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "db.sqlite3"
    first = connect(f"sqlite:///{path}")
    await first.open()
    await first.write(
        lambda c: c.execute(text("UPDATE alembic_version SET version_num = '9999'")).rowcount
    )
    await first.close()

    with pytest.raises(SettingsError, match="9999, which this version"):
        await connect(f"sqlite:///{path}").open()
