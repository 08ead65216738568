"""Taking a backup while the gateway runs.

Guarantees:

- The archive shows one moment: it holds every file that its database names, with the hash that the
  file was registered with, and every bundle of code.
- No request waits for a backup: registered files never change, so that hard links keep them until
  they are read.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
import uuid
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from trainyard_api import timestamps
from trainyard_gateway.backup import code
from trainyard_gateway.backup.archive import CODE, ArchiveWriter, Manifest
from trainyard_gateway.backup.errors import BackupError
from trainyard_gateway.files.file_store import make_folder
from trainyard_gateway.settings import Settings
from trainyard_gateway.store import dump
from trainyard_gateway.store.connect import connect
from trainyard_gateway.store.database import Connection
from trainyard_gateway.store.errors import DatabaseError, DumpError
from trainyard_gateway.store.schema import migrate
from trainyard_gateway.trees import layout

TRIES = 5
"""A file that is deleted between the look into the database and the link makes it begin again."""
STALE_SECONDS = 86_400.0
_PREFIX = ".backup-"
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.EXDEV, errno.EMLINK, errno.ENOSYS})


class _FileGone(Exception):
    """A registered file is not on the volume."""


async def save(settings: Settings, stream: BinaryIO) -> Manifest:
    """Write a backup to `stream`. Raises BackupError; what was written by then is not valid."""
    url = settings.database()
    _require_database(url)
    _remove_stale(settings.data_dir)
    folder = settings.data_dir / f"{_PREFIX}{uuid.uuid4().hex}"
    database = connect(url, settings.database_password_file)
    try:
        for attempt in range(1, TRIES + 1):
            shutil.rmtree(folder, ignore_errors=True)
            try:
                hashes = await database.read(lambda c: _hold(c, settings.data_dir, folder))
                break
            except _FileGone as gone:
                if attempt == TRIES:
                    raise BackupError(
                        f"the database names {gone}, which is not on the volume: delete that dataset or model, or put its file back"
                    ) from None
        return _write(settings.data_dir, folder, hashes, stream)
    except BrokenPipeError:
        raise
    except DumpError as error:
        raise BackupError(str(error)) from error
    except (DatabaseError, OSError) as error:
        raise BackupError(f"the backup failed: {error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        await database.close()


def _hold(connection: Connection, data: Path, folder: Path) -> dict[str, str]:
    """Link every registered file and write the tables of the same moment. Returns the hashes."""
    dump.begin_snapshot(connection)
    hashes = {}
    for path, sha256, lists_others in dump.registered_files(connection):
        _link(data / path, folder / path)
        hashes[path] = sha256
        if lists_others:
            hashes |= _hold_tree(data, folder, path)
    hashes |= code.hold(data, folder, _linked)
    make_folder(folder / "tables")
    dump.dump(connection, folder / "tables")
    return hashes


def _hold_tree(data: Path, folder: Path, manifest: str) -> dict[str, str]:
    """Link the contents of a tree. Returns the hashes."""
    hashes = {}
    place = PurePosixPath(manifest).parent
    try:
        listed = list(layout.contents((folder / manifest).read_bytes(), data / place))
    except ValueError as error:
        raise BackupError(f"{manifest} is damaged: delete that model") from error
    for content, sha256 in listed:
        path = str(place / content)
        _link(data / path, folder / path)
        hashes[path] = sha256
    return hashes


def _link(source: Path, target: Path) -> None:
    try:
        _linked(source, target)
    except FileNotFoundError:
        raise _FileGone(source) from None


def _linked(source: Path, target: Path) -> None:
    make_folder(target.parent)
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copyfile(source, target, follow_symlinks=False)


def _write(data: Path, folder: Path, hashes: dict[str, str], stream: BinaryIO) -> Manifest:
    writer = ArchiveWriter(stream)
    for path in sorted((folder / "tables").iterdir()):
        writer.add(f"tables/{path.name}", path)
    for name, sha256 in hashes.items():
        if writer.add(name, folder / name).sha256 != sha256:
            if name.startswith(f"{CODE}/"):
                raise BackupError(code.damaged(data, name))
            raise BackupError(
                f"{name} has another hash than when it was registered: the volume has lost it; delete that dataset or model"
            )
    manifest = writer.finish(migrate.HEAD, timestamps.now_text())
    stream.flush()
    return manifest


def _require_database(url: str) -> None:
    """A look into SQLite would make the file."""
    if url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///"))
        if not path.is_file():
            raise BackupError(f"there is no database at {path}")


def _remove_stale(data: Path) -> None:
    """What a backup that was killed has left."""
    for path in data.glob(f"{_PREFIX}*"):
        if path.lstat().st_mtime < time.time() - STALE_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
