"""The migrations make exactly the tables of the code, and hot queries use their indexes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hot_queries import QUERIES
from old_schema import make_schema
from sqlalchemy import Connection, create_engine, text

from trainyard_api.rights.owner import User
from trainyard_gateway.errors import SettingsError
from trainyard_gateway.rights.users import Users
from trainyard_gateway.store import api_keys
from trainyard_gateway.store.connect import connect
from trainyard_gateway.store.database import Database
from trainyard_gateway.store.registry import datasets
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


async def test_datasets_of_an_earlier_version_get_a_summary(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'db.sqlite3'}"
    engine = create_engine(url)
    with engine.begin() as connection:
        make_schema(connection, "0002")
        details = (
            '{"samples": 3, "dimensions": [3, 2], "columns": [{"name": "a", "type": "int64"}]}'
        )
        values = f"('1', 'old', '1/data.csv', 'csv', 'ab', 9, '2026-01-01T00:00:00Z', '{details}')"
        connection.execute(text(f"INSERT INTO datasets VALUES {values}".replace(":", r"\:")))
    engine.dispose()

    database = connect(url)
    await database.open()
    [listed], _ = await database.read(lambda c: datasets.read_page(c, User("ada")))
    found = await database.read(lambda c: datasets.find(c, "old"))
    files = await database.read(datasets.schema_files)
    await database.close()

    assert json.loads(listed.summary) == {"samples": 3, "dimensions": [3, 2]}
    assert found is not None
    assert (listed.details, found.details, files) == ("", details, [])


async def test_names_of_keys_become_users_who_go_on_as_they_did(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'db.sqlite3'}"
    engine = create_engine(url)
    keys = {
        "ci": ("sessions:read", None, None),
        "root": ("keys:admin sessions:read", "9999-01-01T00:00:00Z", None),
        "late-root": ("keys:admin", "2026-01-01T00:00:00Z", None),
        "old-root": ("keys:admin", None, "2026-01-01T00:00:00Z"),
        "admin": ("keys:admin", None, None),
    }
    with engine.begin() as connection:
        make_schema(connection, "0010")
        for name, (scopes, expires, revoked) in keys.items():
            row = {"id": name, "scopes": scopes, "expires": expires, "revoked": revoked}
            values = "(:id, :id, 'h', :scopes, 'c', :expires, :revoked)"
            connection.execute(text(f"INSERT INTO api_keys VALUES {values}"), row)
    engine.dispose()

    store = connect(url)
    await store.open()
    found = Users(store)
    await found.load()
    read = await store.read(api_keys.read_all)
    await store.close()

    assert {u.name: (u.role, u.teams) for u in found.all()} == {
        "ci": ("maintainer", ["default"]),
        "late-root": ("maintainer", ["default"]),
        "old-root": ("maintainer", ["default"]),
        "root": ("administrator", ["default"]),
    }
    assert {key.owner for key in read} == set(keys)
