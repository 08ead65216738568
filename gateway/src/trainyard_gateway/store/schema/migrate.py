"""Brings a database to this version's schema, by Alembic."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, select
from sqlalchemy.sql import column, table

from trainyard_gateway.errors import SettingsError

HEAD = "0017"
"""The newest revision under `migrations/versions`."""
FOLDER = Path(__file__).parent / "migrations"


def upgrade(connection: Connection) -> None:
    """Apply the revisions that are missing, within the connection's transaction.

    Raises SettingsError for a foreign or newer schema.
    """
    present = revision(connection)
    if present == HEAD:
        return
    # Imported here, since most starts find the schema up to date and need no Alembic.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, HEAD)
    except CommandError as error:
        raise SettingsError(
            f"the database has revision {present}, which this version ({HEAD}) does not know; "
            "run the version that made it, or restore a backup"
        ) from error


def revision(connection: Connection) -> str | None:
    """The revision of the schema; None of an empty database.

    Raises SettingsError for a foreign one.
    """
    names = set(inspect(connection).get_table_names())
    if "alembic_version" in names:
        version = table("alembic_version", column("version_num"))
        return connection.execute(select(version.c.version_num)).scalar_one_or_none()
    if names & {"sessions", "metrics", "api_keys"}:
        raise SettingsError(
            "the database has tables that Trainyard's migrations did not make; "
            "move it away or use an empty one"
        )
    return None
