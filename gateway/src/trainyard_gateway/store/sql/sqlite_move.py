"""Moves a SQLite database to another volume, once, when the gateway starts.

Guarantees:

- The database is used in its new place only after a complete copy of it is durable there.
- The earlier file stays as a copy of that moment, for a version that looks for it there. A mark
  beside it keeps this version from using it as if nothing had happened.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from trainyard_gateway.errors import SettingsError

MARK = "MOVED"
"""Name of the mark, which holds the new place."""


def move_in(old: Path, new: Path) -> bool:
    """Copy the database `old` to `new` unless that is there; whether it did.

    Only one process may do so at a time, and none may have `old` open. Raises SettingsError.
    """
    if new == old or new.exists() or not old.exists():
        return False
    part = new.with_name(new.name + ".part")
    try:
        new.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        with closing(sqlite3.connect(old)) as source, closing(sqlite3.connect(part)) as target:
            source.backup(target)
        _sync(part)
        part.replace(new)
        _sync(new.parent)
        (old.parent / MARK).write_text(f"{new}\n")
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise SettingsError(f"cannot move the database {old} to {new}: {error}") from error
    return True


def require_not_moved(path: Path) -> None:
    """Refuse a database that was moved elsewhere. Raises SettingsError."""
    mark = path.parent / MARK
    with suppress(FileNotFoundError):
        place = mark.read_text().strip()
        raise SettingsError(
            f"the database {path} was moved to {place}; set databaseDir (in the chart "
            f"database.storage.enabled) again, or delete {mark} to use the older copy"
        )


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
