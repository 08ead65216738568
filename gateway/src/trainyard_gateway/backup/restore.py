"""Bringing a backup back, into an empty place.

Guarantees:

- No existing file or row is overwritten or removed.
- The database gets its rows in one transaction, after every file is checked and in its place.
- A restore that fails removes what it has written.
"""

from __future__ import annotations

import asyncio
import shutil
import uuid
from pathlib import Path
from typing import BinaryIO

from trainyard_gateway.backup.archive import FILES, Manifest, read_archive
from trainyard_gateway.backup.code import Placement
from trainyard_gateway.backup.errors import BackupError
from trainyard_gateway.files.file_store import make_folder, sync_folder
from trainyard_gateway.settings import Settings
from trainyard_gateway.store import dump
from trainyard_gateway.store.connect import connect
from trainyard_gateway.store.database import Database
from trainyard_gateway.store.errors import DatabaseError, DumpError
from trainyard_gateway.store.schema import migrate


async def restore(settings: Settings, stream: BinaryIO) -> Manifest:
    """Read a backup from `stream` into the data folder and the database, which must be empty.

    Raises BackupError and SettingsError.
    """
    data = settings.data_dir
    _require_no_files(data)
    make_folder(data / "db")
    database = connect(settings.database(), settings.database_password_file)
    try:
        await database.open()
        await database.read(dump.require_empty)
        return await _restore(data, database, stream)
    except DumpError as error:
        raise BackupError(str(error)) from error
    except (DatabaseError, OSError) as error:
        raise BackupError(f"the restore failed: {error}") from error
    finally:
        await database.close()


async def _restore(data: Path, database: Database, stream: BinaryIO) -> Manifest:
    folder = data / f".restore-{uuid.uuid4().hex}"
    placed: list[Path] = []
    code = Placement(data)
    try:
        manifest = await asyncio.to_thread(read_archive, stream, folder)
        if manifest.revision != migrate.HEAD:
            raise BackupError(
                f"the backup is of a database of revision {manifest.revision}, this program's is {migrate.HEAD}: "
                "restore it with the version that made it"
            )
        _place(folder, data, placed)
        await asyncio.to_thread(code.place, folder, manifest.members)
        await database.write(lambda c: dump.load(c, folder / "tables"))
        return manifest
    except BaseException:
        for path in placed:
            shutil.rmtree(path, ignore_errors=True)
        code.withdraw()
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _require_no_files(data: Path) -> None:
    for kind in FILES:
        there = [p for p in (data / kind).glob("*") if not p.name.startswith(".")]
        if there:
            raise BackupError(
                f"{data / kind} is not empty ({there[0].name}): restore into an empty volume, or move away what is there"
            )


def _place(folder: Path, data: Path, placed: list[Path]) -> None:
    for kind in FILES:
        make_folder(data / kind)
        for path in (folder / kind).glob("*"):
            target = data / kind / path.name
            path.rename(target)
            placed.append(target)
            for made in (*(inner for inner in target.iterdir() if inner.is_dir()), target):
                sync_folder(made)
        sync_folder(data / kind)
