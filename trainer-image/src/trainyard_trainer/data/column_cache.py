"""Parsed columns in a file: written by a thread while the training goes on, mapped by later starts."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import threading
from pathlib import Path
from typing import Any

PIECE_BYTES = 16 * 2**20
"""What is written and synced before it looks again whether the program still runs."""


def load(cache: Path) -> Any | None:
    """The mapped table; None where there is no copy that can be read."""
    import pyarrow as pa

    if not cache.is_file():
        return None
    try:
        return pa.ipc.open_file(pa.memory_map(str(cache))).read_all()
    except (pa.ArrowInvalid, OSError):
        # Whatever happened to the copy, the dataset itself is there.
        cache.unlink(missing_ok=True)
        return None


def keep(table: Any, cache: Path, piece: int = PIECE_BYTES) -> None:
    """Write the table in the background. A full disk, or a program that ends before it is done, costs the speed of the next start alone."""
    # No daemon: one of these may be stopped in the middle of pyarrow, and take the program's exit code with it.
    threading.Thread(target=_keep, args=(table, cache, piece), name="trainyard-columns").start()


def _keep(table: Any, cache: Path, piece: int) -> None:
    import pyarrow as pa

    # Two workers may write at once, and both may be process 1 of their pods.
    temporary = cache.with_suffix(f".{secrets.token_hex(4)}.tmp")
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        with _Output(temporary, piece) as file:
            with pa.ipc.new_file(file, table.schema) as writer:
                writer.write_table(table)
            file.sync()
        temporary.replace(cache)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        return
    # What killed attempts left. A worker that loses its file here has what it needs in memory.
    for left in cache.parent.glob(f"{cache.stem}.*.tmp"):
        left.unlink(missing_ok=True)


class _Output(io.FileIO):
    """A file that is brought to disk piece by piece, and takes nothing more when the program wants to end."""

    def __init__(self, path: Path, piece: int) -> None:
        super().__init__(path, "wb")
        self._piece = piece
        self._unsynced = 0

    def write(self, content: Any) -> int:
        """All of it. Raises OSError."""
        left = memoryview(content).cast("B")
        size = len(left)
        while len(left):
            if not threading.main_thread().is_alive():
                raise InterruptedError("the program ends")
            written = super().write(left[: self._piece])
            left = left[written:]
            self._unsynced += written
            if self._unsynced >= self._piece:
                self.sync()
        return size

    def sync(self) -> None:
        """What was written outlives a power cut."""
        os.fdatasync(self.fileno())
        self._unsynced = 0
