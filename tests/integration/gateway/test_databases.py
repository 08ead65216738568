"""Both databases: migrations, refused connections, and what several gateways share."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from old_schema import begin_again
from postgres import Postgres
from sqlalchemy import Connection, func, insert, select
from store_lab import batch, new_uid, opened

from trainyard_api.rights.owner import Owner, Role, User, Visibility
from trainyard_gateway.auth.api_key_store import ApiKeyStore, NewKey
from trainyard_gateway.auth.audit_log import AuditLog
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.errors import SettingsError
from trainyard_gateway.store.access import owners
from trainyard_gateway.store.access.owners import Kind
from trainyard_gateway.store.connect import connect
from trainyard_gateway.store.postgres import PostgresStore
from trainyard_gateway.store.schema import migrate
from trainyard_gateway.store.schema.tables import api_keys, auth_logs, metadata
from trainyard_gateway.store.store import Store

pytestmark = pytest.mark.integration


def schema_differences(connection: Connection) -> list[object]:
    """What the tables of the database and those of the code do not share."""
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


async def test_migrations_make_the_tables_once(
    database: Store, database_url: tuple[str, Path | None]
) -> None:
    assert await database.read(schema_differences) == []
    if not database.exclusive:
        second = connect(*database_url)
        await second.open()
        await second.close()


async def test_api_keys_of_another_gateway_are_found_and_revoked(
    database: Store, database_url: tuple[str, Path | None]
) -> None:
    here, there = ApiKeyStore("a" * 30, database), ApiKeyStore("a" * 30, database)
    made = await here.create(NewKey(name="k", scopes=[Scope.MODELS_READ]))
    await there.load()
    before = there.caller(made.key)
    await there.revoke(made.id)
    await here.load()

    assert before[0] is not None
    assert (before[0].name, before[0].scopes) == ("k", {Scope.MODELS_READ})
    assert here.caller(made.key)[1] == "revoked"


async def test_code_is_hidden_also_where_texts_have_the_order_of_a_language(
    postgres: Postgres,
) -> None:
    order = ("--template=template0", "--locale-provider=icu", "--icu-locale=en-US")
    bundle, eve = "a" * 64, User("eve", Role.MEMBER, ("default",))
    async with opened(postgres.database(*order), postgres.password_file) as database:
        ada = Owner("ada", "vision", Visibility.TEAM)
        await database.write(lambda c: owners.share(c, Kind.BUNDLE, [bundle], ada))

        async def seen(user: User) -> bool:
            return await database.read(lambda c: owners.bundle_is_seen(c, bundle, user))

        assert (await seen(User("ada", Role.MEMBER, ("vision",))), await seen(eve)) == (True, False)


async def test_the_audit_log_keeps_the_newest_rows(database: Store) -> None:
    audit_log = AuditLog(database, most_kept=10)
    for number in range(30):
        scope = {"client": None, "method": "GET", "path": f"/{number}\0", "state": {}}
        audit_log.record(scope, False, "unknown")
        if number % 10 == 9:
            await audit_log.flush()

    assert (
        await database.read(
            lambda c: c.execute(select(func.count()).select_from(auth_logs)).scalar()
        )
        == 10
    )


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://a/b", "begins with 'mysql'"),
        ("postgresql://nobody@127.0.0.1:1/x", "cannot use the database"),
        ("sqlite:////proc/nowhere/db", "cannot"),
    ],
)
async def test_unusable_databases_are_explained(url: str, message: str, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("hidden-secret\n")

    async def use() -> None:
        await connect(url, password).open()

    with pytest.raises(SettingsError, match=message) as found:
        await use()

    assert "hidden-secret" not in str(found.value)


async def test_a_silent_server_times_out(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("hidden-secret\n")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/x"
        database = PostgresStore(url, password, connect_seconds=0.2)

        with pytest.raises(SettingsError, match=r"cannot use the database .*: it does not answer"):
            await asyncio.wait_for(database.open(), 30)


async def test_a_database_of_the_first_schema_is_migrated_with_its_rows(
    database: Store, database_url: tuple[str, Path | None]
) -> None:
    key = {"id": "k", "name": "n", "hash": "h", "scopes": "", "created": "2026-01-01T00:00:00Z"}

    def go_back(connection: Connection) -> None:
        begin_again(connection, "0001")
        connection.execute(insert(api_keys).values(key))

    await database.write(go_back)
    await database.close()
    async with opened(*database_url) as migrated:
        kept = await migrated.read(lambda c: c.execute(select(api_keys.c.name)).scalars().all())
        revision = await migrated.read(migrate.revision)
        differences = await migrated.read(schema_differences)
        accepted_before = await migrated.ingest(batch(new_uid(), 1, {1: 1.0}))

    assert (kept, revision, differences) == (["n"], migrate.HEAD, [])
    assert not accepted_before
