"""A write that leaves nothing behind: it shows whether the database takes any."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

_KEY: Final = "trial write"
"""No key of a request: those are hashes."""
_INSERT: Final = text(
    "INSERT INTO idempotency (key, body_sha256, session, created) VALUES (:key, '', '', '')"
)
_DELETE: Final = text("DELETE FROM idempotency WHERE key = :key")


def trial_write(connection: Connection) -> None:
    """Write a row and remove it in the same transaction.

    Raises the database's error if it takes no writes: its disk is full, it is read-only, or away.
    """
    connection.execute(_INSERT, {"key": _KEY})
    connection.execute(_DELETE, {"key": _KEY})
