"""`runs/<session UID>` on the volume: the folders of sessions, and since when a session is gone.

A mark (`.gone/<UID>`) says when a folder was first seen without its session. A folder is renamed
into `.removing` before its content is deleted, so that no incomplete folder is visible. The next
`remove_rest` deletes what a crash leaves there.
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
        """Make the folder of all run folders. Raises OSError."""
        for path in (self._root, self._marks, self._removing):
            make_folder(path)

    def there(self) -> set[str]:
        """UIDs of the sessions that have a folder. Links and other files do not count."""
        return {
            path.name
            for path in self._root.iterdir()
            if _UID.fullmatch(path.name) and path.is_dir() and not path.is_symlink()
        }

    def marks(self) -> dict[str, float]:
        """UIDs of folders without a session, with seconds since the epoch when first seen."""
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
        """Hide a folder, for `remove_rest` to delete. An absent folder is ignored."""
        # A unique name: an earlier folder of the session may still be there.
        target = self._removing / f"{uid}.{secrets.token_hex(4)}"
        with suppress(FileNotFoundError):
            (self._root / uid).replace(target)
        self.unmark(uid)

    def remove_rest(self) -> list[str]:
        """Delete removed folders. Returns the names of those that cannot be deleted.

        A program may have taken the group's rights from its folders.
        """
        for path in self._removing.iterdir():
            # Follows no links that the session's program may have put there.
            shutil.rmtree(path, ignore_errors=True)
        return sorted(path.name for path in self._removing.iterdir())
