"""The database that a URL names."""

from __future__ import annotations

from pathlib import Path

from trainyard_gateway.errors import SettingsError
from trainyard_gateway.store.database import Database


def connect(url: str, password_file: Path | None = None) -> Database:
    """The database at `sqlite:///path` or `postgresql://user@host/name`. Raises SettingsError."""
    if url.startswith("sqlite:///"):
        from trainyard_gateway.store.sqlite import SqliteDatabase

        return SqliteDatabase(Path(url.removeprefix("sqlite:///")))
    if url.startswith(("postgresql://", "postgres://")):
        from trainyard_gateway.store.postgres import PostgresDatabase

        return PostgresDatabase(url, password_file)
    kind = url.partition(":")[0]
    raise SettingsError(
        f"databaseUrl begins with {kind!r}; accepted are sqlite:///path and postgresql://user@host/name"
    )
