"""SQLAlchemy's engine for PostgreSQL, with the options that the store relies on."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from trainyard_gateway.errors import SettingsError


def postgres_engine(url: str, password_file: Path | None, connect_seconds: float) -> AsyncEngine:
    """An engine for `url`, by asyncpg. Opens no connection.

    `connect_seconds`: timeout of a new connection. Raises SettingsError for a malformed URL or a
    password file that cannot be read.
    """
    try:
        parsed = make_url(url).set(drivername="postgresql+asyncpg")
        if password_file is not None:
            parsed = parsed.set(password=password_file.read_text().strip())
    except SQLAlchemyError as error:
        raise SettingsError("databaseUrl is no valid URL") from error
    except OSError as error:
        raise SettingsError(f"cannot read {password_file}: {error.strerror}") from error
    return create_async_engine(
        parsed,
        pool_size=8,
        max_overflow=8,
        pool_pre_ping=True,
        connect_args={
            "timeout": connect_seconds,
            # A transaction that waited for the lock must see what its previous holder wrote,
            # for any default isolation level of the server.
            "server_settings": {"default_transaction_isolation": "read committed"},
        },
        # Logged lines must not appear in error messages.
        hide_parameters=True,
    )
