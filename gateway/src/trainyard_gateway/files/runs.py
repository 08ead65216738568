"""`runs/<session UID>` on the volume: what sessions leave there, and since when they are gone.

A mark (`.gone/<UID>`) says when a folder was first seen without its session. A folder is renamed into `.removing` before anything in it
is deleted, so that no half of one is ever visible; what a crash leaves there is deleted by the next `remove_rest`.
"""

from __future__ import annotations

import re
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

from trainyard_gateway.files.file_store import make_folder

_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""What the API server gives to objects."""


class RunFolders:
    """The folders of runs; several gateways may work on the same ones."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._marks, self._removing = root / ".gone", root / ".removing"

    def open(self) -> None:
        """Make the folders."""
        for path in (self._root, self._marks, self._removing):
            make_folder(path)

    def there(self) -> set[str]:
        """UIDs of the sessions that have a folder. Links and whatever else lies there do not count."""
        return {
            path.name
            for path in self._root.iterdir()
            if _UID.fullmatch(path.name) and path.is_dir() and not path.is_symlink()
        }

    def marks(self) -> dict[str, float]:
        """UIDs of folders that were seen without their session, and when first, in seconds since 1970."""
        found = {}
        for path in self._marks.iterdir():
            try:
                found[path.name] = path.lstat().st_mtime
            except FileNotFoundError:
                # Another gateway has just taken it off.
                continue
        return found

    def mark(self, uid: str) -> None:
        """Note that the session is gone now."""
        (self._marks / uid).touch()

    def unmark(self, uid: str) -> None:
        """Forget that note; fine when there is none."""
        (self._marks / uid).unlink(missing_ok=True)

    def remove(self, uid: str) -> None:
        """Take a folder away; `remove_rest` deletes it. Fine when another gateway was faster."""
        # A name of its own: an earlier folder of the run may still lie there, which could not be deleted.
        target = self._removing / f"{uid}.{secrets.token_hex(4)}"
        with suppress(FileNotFoundError):
            (self._root / uid).replace(target)
        self.unmark(uid)

    def remove_rest(self) -> list[str]:
        """Delete what was taken away; what cannot be deleted, such as folders that a program has closed to its own group."""
        for path in self._removing.iterdir():
            # Follows no links, whatever the session's program has put in place of its folders meanwhile.
            shutil.rmtree(path, ignore_errors=True)
        return sorted(path.name for path in self._removing.iterdir())
