"""The store that a URL names."""

from __future__ import annotations

from pathlib import Path

from trainyard_gateway.errors import SettingsError
from trainyard_gateway.store.logs.limit import DEFAULT_MAX_BYTES
from trainyard_gateway.store.store import Store


def connect(
    url: str, password_file: Path | None = None, log_max_bytes: int = DEFAULT_MAX_BYTES
) -> Store:
    """The store at `sqlite:///path` or `postgresql://user@host/name`, not opened yet.

    `password_file`: holds PostgreSQL's password; surrounding white space is ignored;
    `log_max_bytes`: what the log lines of a session may take. Raises SettingsError.
    """
    # Imported here, so that a gateway loads only the driver that it uses.
    if url.startswith("sqlite:///"):
        from trainyard_gateway.store.sqlite import SqliteStore

        return SqliteStore(Path(url.removeprefix("sqlite:///")), log_max_bytes)
    if url.startswith(("postgresql://", "postgres://")):
        from trainyard_gateway.store.postgres import PostgresStore

        return PostgresStore(url, password_file, log_max_bytes=log_max_bytes)
    kind = url.partition(":")[0]
    raise SettingsError(
        f"databaseUrl begins with {kind!r}; "
        "accepted are sqlite:///path and postgresql://user@host/name"
    )
