"""A folder as a bundle: its manifest, and where the content of each file is.

Guarantees: a folder that is too large is refused before any content is read; a file that changes
while it is read is read again, and refused when it does not come to rest.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trainyard.code.refusals import CannotBundle
from trainyard.code.walk import Contents, FoundFile, walk
from trainyard_api.code import CodeEntry, CodeManifest, bundle_name
from trainyard_api.files.paths import shown

_CHUNK: Final = 1 << 20
_ATTEMPTS: Final = 3
"""How often a file is read that changes meanwhile."""
LARGEST: Final = 5


@dataclass(frozen=True, slots=True)
class Limits:
    """What the gateway takes of one bundle."""

    max_bytes: int
    max_files: int


@dataclass(frozen=True, slots=True)
class Content:
    """Where a content is on this machine."""

    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class Bundle:
    """A folder, ready to be sent."""

    contents: Contents
    manifest: CodeManifest
    text: bytes
    """The manifest's canonical form."""
    by_hash: dict[str, Content]

    @property
    def name(self) -> str:
        """The bundle's name."""
        return bundle_name(self.text)


def bundle(folder: Path, limits: Limits) -> Bundle:
    """Read a folder. Raises CannotBundle with what stands in the way."""
    try:
        contents = walk(folder)
        wrong = too_large(contents.files, limits) or too_many(contents, limits)
        if wrong is not None:
            raise CannotBundle(wrong)
        return _read(contents)
    except OSError as error:
        path = shown(str(error.filename or folder))
        raise CannotBundle(f"{path} cannot be read: {error.strerror}") from error


def _read(contents: Contents) -> Bundle:
    entries: list[CodeEntry] = []
    by_hash: dict[str, Content] = {}
    for file in contents.files:
        read = _hashed(contents.top, file)
        if read is None:
            continue
        entry, content = read
        entries.append(entry)
        by_hash.setdefault(str(entry.sha256), content)
    entries += [CodeEntry(path=path, target=target) for path, target in contents.links.items()]
    entries += [CodeEntry(path=path, folder=True) for path in contents.folders]
    if not any(entry.sha256 for entry in entries):
        raise CannotBundle(_empty(contents))
    manifest = CodeManifest(entries=entries)
    return Bundle(contents, manifest, manifest.text(), by_hash)


def _hashed(top: Path, file: FoundFile) -> tuple[CodeEntry, Content] | None:
    """The entry of a file, as it was while it did not change; None if it is gone."""
    path = top / file.path
    for _ in range(_ATTEMPTS):
        try:
            found = _read_once(path)
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise CannotBundle(
                f"the file {shown(file.path)} cannot be read; make it readable (`chmod u+r`) or "
                "list it in .trainyardignore"
            ) from error
        if found is not None:
            sha256, size = found
            entry = CodeEntry(path=file.path, sha256=sha256, size=size, executable=file.executable)
            return entry, Content(path, size)
    raise CannotBundle(
        f"the file {shown(file.path)} changes while it is read; wait until nothing writes it, or "
        "list it in .trainyardignore"
    )


def _read_once(path: Path) -> tuple[str, int] | None:
    """Hash and size of a file; None if it changed meanwhile. Raises OSError."""
    digest, size = hashlib.sha256(), 0
    # Without O_NONBLOCK a pipe that has taken the file's place would wait for a writer.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb", buffering=0) as file:
        before = os.fstat(handle)
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            if size > before.st_size:
                return None
        after = os.fstat(handle)
    same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    return (digest.hexdigest(), size) if same and size == before.st_size else None


def too_large(files: Sequence[FoundFile], limits: Limits) -> str | None:
    """Why the files together are too large, naming the largest; None if they are not. Pure."""
    total = sum(f.size for f in files)
    if total <= limits.max_bytes:
        return None
    return (
        f"the folder has {size_text(total)}, and a bundle at most {size_text(limits.max_bytes)}; "
        f"the largest: {', '.join(largest_files(files))}; upload data with `trainyard datasets "
        "upload`, list what the program does not need in .trainyardignore, or ask your "
        "administrator for a larger codeMaxBytes"
    )


def too_many(contents: Contents, limits: Limits) -> str | None:
    """Why the paths are too many, naming the folder with most; None if they are not. Pure."""
    count = len(contents.files) + len(contents.links) + len(contents.folders)
    if count <= limits.max_files:
        return None
    tops = Counter(f.path.partition("/")[0] for f in contents.files if "/" in f.path)
    most = ", ".join(f"{shown(name)}/ ({n} files)" for name, n in tops.most_common(3))
    return (
        f"the folder has {count} files, links and empty folders, and a bundle at most "
        f"{limits.max_files}; most are in {most or 'the folder itself'}; list what the program "
        "does not need in .trainyardignore"
    )


def largest_files(files: Sequence[FoundFile], most: int = LARGEST) -> list[str]:
    """The largest files with their sizes, largest first. Pure."""
    ordered = sorted(files, key=lambda f: (-f.size, f.path))[:most]
    return [f"{shown(f.path)} ({size_text(f.size)})" for f in ordered]


def size_text(count: int) -> str:
    """Bytes for people: 812 B, 3.4 MiB."""
    if count < 1024:
        return f"{count} B"
    amount, unit = float(count), "B"
    for unit in ("KiB", "MiB", "GiB", "TiB"):  # noqa: B007  the unit at which it ends is wanted
        amount /= 1024
        if amount < 1024:
            break
    return f"{amount:.1f} {unit}"


def _empty(contents: Contents) -> str:
    if contents.by_pattern:
        return (
            "nothing is left of the folder: .gitignore and .trainyardignore leave out every file; "
            "bring files back with a line such as !train.py in .trainyardignore"
        )
    return "the folder holds no file; go to the folder with your program"
