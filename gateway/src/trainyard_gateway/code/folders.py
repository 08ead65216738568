"""`code/` on the volume: contents by hash, and a folder for each bundle with what it needs.

    contents/<2 hex>/<sha256>       every content once
    bundles/<sha256>/manifest.json  a bundle: its list
    bundles/<sha256>/contents/…     and its contents, as hard links of those above

A session mounts the folder of its bundle only, so that it sees no other program. What is linked
nowhere else (`st_nlink` is 1) belongs to no bundle.

Guarantees: a content has its name only when it is whole, hashed and durable; a bundle is there as
soon as all of its contents are, and not before; every name on the volume is made here.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from trainyard_gateway.files.file_store import make_folder, sync_folder

MANIFEST, CONTENTS = "manifest.json", "contents"
_NAME = re.compile(r"[0-9a-f]{64}")
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EOPNOTSUPP)
"""A filesystem that has no hard links, or has enough of this one."""


class CodeFolders:
    """The folders below `code/`. Everything blocks; several gateways may work on the same ones."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.incoming = root / ".incoming"
        self._contents, self._bundles = root / "contents", root / "bundles"

    def open(self) -> None:
        """Make the folders. Raises OSError."""
        for path in (self.root, self.incoming, self._contents, self._bundles):
            make_folder(path)

    def has(self, sha256: str, size: int) -> bool:
        """Whether a content is there; it then counts as new, so that no sweep removes it."""
        path = self._content(sha256)
        try:
            if path.lstat().st_size != size:
                return False
            os.utime(path)
        except FileNotFoundError:
            return False
        return True

    def keep(self, received: Path, sha256: str, size: int) -> None:
        """Give a durable incoming file its name, unless the content is there already."""
        if self.has(sha256, size):
            received.unlink()
            return
        target = self._content(sha256)
        make_folder(target.parent)
        received.chmod(0o640)
        received.replace(target)

    def sync(self, hashes: set[str]) -> None:
        """Make the names of contents durable."""
        for folder in {self._content(sha256).parent for sha256 in hashes}:
            sync_folder(folder)

    def has_bundle(self, bundle: str) -> bool:
        """Whether a bundle is there; it then counts as used now."""
        place = self._bundles / bundle
        # The kubelet makes an empty folder where a pod mounts one that is not there.
        if not (place / MANIFEST).is_file():
            return False
        with suppress(OSError):
            os.utime(place)
        return True

    def add_bundle(self, bundle: str, manifest: bytes, sizes: Mapping[str, int]) -> bool:
        """Make the folder of a bundle; False if a content has gone meanwhile."""
        made = self.incoming / f"{bundle}.{secrets.token_hex(4)}"
        make_folder(made / CONTENTS)
        try:
            for sha256 in sizes:
                _link(self._content(sha256), made / CONTENTS / sha256)
            (made / MANIFEST).write_bytes(manifest)
            (made / MANIFEST).chmod(0o640)
            for path in (made / MANIFEST, made / CONTENTS, made):
                sync_folder(path)
            made.rename(self._bundles / bundle)
        except FileNotFoundError:
            return False
        except OSError as error:
            # Another request has made it meanwhile.
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        finally:
            shutil.rmtree(made, ignore_errors=True)
        sync_folder(self._bundles)
        return True

    def manifest(self, bundle: str) -> bytes | None:
        """The manifest of a bundle; None without one."""
        try:
            return (self._bundles / bundle / MANIFEST).read_bytes()
        except FileNotFoundError:
            return None

    def content_of(self, bundle: str, sha256: str) -> Path:
        """Where a content of a bundle is."""
        return self._bundles / bundle / CONTENTS / sha256

    def bundles(self) -> dict[str, float]:
        """Every bundle, and when it was last used, in seconds since the epoch."""
        return {path.name: _time(path) for path in _named(self._bundles)}

    def remove_bundle(self, bundle: str) -> None:
        """Remove a bundle; its contents stay until a sweep finds them unused."""
        hidden = self.incoming / f"{bundle}.{secrets.token_hex(4)}.removed"
        with suppress(FileNotFoundError):
            (self._bundles / bundle).rename(hidden)
        shutil.rmtree(hidden, ignore_errors=True)

    def remove_unused(self, sha256: str) -> None:
        """Remove a content, unless a bundle has it."""
        path = self._content(sha256)
        with suppress(FileNotFoundError):
            if path.lstat().st_nlink == 1:
                path.unlink()

    def sweep(self, before: float) -> int:
        """Remove contents of no bundle and incomplete files, unchanged since `before`.

        Returns the number of bytes of the contents that stay.
        """
        for path in self.incoming.iterdir():
            if _time(path) < before:
                shutil.rmtree(path, ignore_errors=True)
                path.unlink(missing_ok=True)
        left = 0
        for folder in self._contents.iterdir():
            for path in _named(folder):
                with suppress(FileNotFoundError):
                    found = path.lstat()
                    if found.st_nlink == 1 and found.st_mtime < before:
                        path.unlink()
                    else:
                        left += found.st_size
        return left

    def _content(self, sha256: str) -> Path:
        return self._contents / sha256[:2] / sha256


def is_name(text: str) -> bool:
    """Whether a text is the name of a bundle or of a content: SHA-256 in hexadecimal."""
    return _NAME.fullmatch(text) is not None


def _named(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if is_name(path.name))


def _time(path: Path) -> float:
    with suppress(FileNotFoundError):
        return path.lstat().st_mtime
    return time.time()


def _link(content: Path, target: Path) -> None:
    try:
        target.hardlink_to(content)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copyfile(content, target)
        target.chmod(0o640)
