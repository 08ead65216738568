"""Databases as earlier versions of Trainyard left them, made by the migrations themselves."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from trainyard_gateway.store.schema import migrate
from trainyard_gateway.store.schema.tables import metadata


def make_schema(connection: Connection, revision: str) -> None:
    """The schema of `revision` in an empty database."""
    config = Config()
    config.set_main_option("script_location", str(migrate.FOLDER))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def begin_again(connection: Connection, revision: str) -> None:
    """Drop all tables of today's schema and make those of `revision`, without a row."""
    metadata.drop_all(connection)
    connection.execute(text("DROP TABLE alembic_version"))
    if connection.dialect.name == "postgresql":
        connection.execute(text("DROP FUNCTION keep_arrivals"))
    make_schema(connection, revision)
