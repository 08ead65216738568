"""The archive: a tar of files. Its last member, `manifest.json`, has the hash of each other one.

An archive without that last member was cut off. It is written and read as a stream, so that it
needs no space on the volume.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO

from pydantic import BaseModel, ConfigDict, ValidationError

from trainyard_gateway.backup.errors import BackupError
from trainyard_gateway.files.file_store import CHUNK, make_folder

FORMAT = 1
MANIFEST = "manifest.json"
FILES = ("datasets", "models", "artifacts")
"""Folders of files that the database names, here and in the gateway's data folder."""
CODE = "code"
FOLDERS = ("tables", *FILES, CODE)
_MOST_MANIFEST_BYTES = 1 << 28


class Member(BaseModel):
    """A file of the archive."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    bytes: int


class Manifest(BaseModel):
    """What an archive holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    revision: str
    """Of the database's schema."""
    created: str
    members: dict[str, Member]


class ArchiveWriter:
    """Writes files one after the other; only after `finish` the archive is valid."""

    def __init__(self, stream: BinaryIO) -> None:
        self._tar = tarfile.open(fileobj=stream, mode="w|")  # noqa: SIM115 - `finish` closes it
        self._members: dict[str, Member] = {}

    def add(self, name: str, path: Path) -> Member:
        """Append a file under that name. It must not shrink meanwhile, which raises OSError."""
        info = tarfile.TarInfo(name)
        info.size, info.mode = path.stat().st_size, 0o640
        with path.open("rb") as file:
            hashed = _HashingFile(file)
            self._tar.addfile(info, hashed)
        self._members[name] = Member(sha256=hashed.digest.hexdigest(), bytes=info.size)
        return self._members[name]

    def finish(self, revision: str, created: str) -> Manifest:
        """Append the manifest and end the archive."""
        manifest = Manifest(
            format=FORMAT, revision=revision, created=created, members=self._members
        )
        body = manifest.model_dump_json(indent=1).encode()
        info = tarfile.TarInfo(MANIFEST)
        info.size, info.mode = len(body), 0o640
        self._tar.addfile(info, io.BytesIO(body))
        self._tar.close()
        return manifest


class _HashingFile:
    """Hashes what is read of a file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        self.digest.update(chunk)
        return chunk


def read_archive(stream: BinaryIO, into: Path | None) -> Manifest:
    """Check every file of an archive against the manifest. Write the files below `into`, if given.

    Raises BackupError when it is no archive of ours, was cut off or was changed.
    """
    seen: dict[str, Member] = {}
    try:
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for info in tar:
                content = tar.extractfile(info) if info.isreg() else None
                if content is None:
                    raise BackupError(f"the archive holds {info.name[:200]!r}, which is no file")
                if info.name == MANIFEST:
                    return _compare(_manifest(info, content), seen)
                seen[info.name] = _take(_safe(info.name), content, into)
    except (tarfile.TarError, EOFError) as error:
        raise BackupError(f"this is no backup, or it was cut off: {error}") from error
    raise BackupError(f"the archive was cut off: it has no {MANIFEST} at its end")


def _safe(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.parts[:1] not in {(f,) for f in FOLDERS} or ".." in path.parts:
        raise BackupError(f"the archive holds {name[:200]!r}, which is not of a backup")
    return path


def _take(path: PurePosixPath, content: IO[bytes], into: Path | None) -> Member:
    digest, size = hashlib.sha256(), 0
    target = into / path if into is not None else None
    if target is not None:
        make_folder(target.parent)
    with target.open("xb") if target is not None else _Nowhere() as sink:
        for chunk in _chunks(content):
            digest.update(chunk)
            size += len(chunk)
            sink.write(chunk)
        if target is not None:
            sink.flush()
            os.fsync(sink.fileno())
    if target is not None:
        target.chmod(0o640)
    return Member(sha256=digest.hexdigest(), bytes=size)


class _Nowhere(io.RawIOBase):
    """Takes everything and keeps nothing."""

    def write(self, chunk: Any, /) -> int:
        return len(chunk)


def _chunks(content: IO[bytes]) -> Iterator[bytes]:
    while chunk := content.read(CHUNK):
        yield chunk


def _manifest(info: tarfile.TarInfo, content: IO[bytes]) -> Manifest:
    if info.size > _MOST_MANIFEST_BYTES:
        raise BackupError(f"the archive's {MANIFEST} is too large")
    try:
        raw: Any = json.loads(content.read())
        if isinstance(raw, dict) and raw.get("format") != FORMAT:
            raise BackupError(
                f"the archive has format {raw.get('format')!r}; this version reads {FORMAT}"
            )
        return Manifest.model_validate(raw)
    except (ValueError, ValidationError) as error:
        raise BackupError(f"the archive's {MANIFEST} makes no sense") from error


def _compare(manifest: Manifest, seen: dict[str, Member]) -> Manifest:
    for name in sorted(manifest.members.keys() | seen.keys()):
        if manifest.members.get(name) != seen.get(name):
            raise BackupError(f"{name} is not what was backed up: the archive was changed")
    return manifest
