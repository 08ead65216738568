"""Parsed columns in a file: a thread writes it during the training; later starts map it."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import threading
from pathlib import Path
from typing import Any

PIECE_BYTES = 16 * 2**20
"""Bytes to write and sync between two checks whether the program still runs."""


_KEY = b"trainyard-reading"


def load(cache: Path, key: str) -> Any | None:
    """The mapped table; None if there is no readable file, or one of another reading."""
    import pyarrow as pa

    if not cache.is_file():
        return None
    try:
        table = pa.ipc.open_file(pa.memory_map(str(cache))).read_all()
    except (pa.ArrowInvalid, OSError):
        # The dataset itself still exists.
        cache.unlink(missing_ok=True)
        return None
    return table if (table.schema.metadata or {}).get(_KEY) == key.encode() else None


def keep(table: Any, cache: Path, key: str, piece: int = PIECE_BYTES) -> None:
    """Write the table in the background. A failure only makes the next start slower.

    `key` names the reading: which columns, and how.
    """
    table = table.replace_schema_metadata({_KEY: key})
    # No daemon thread: stopping one inside pyarrow could change the program's exit code.
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
    # Remove files of killed attempts. A worker that loses its file here has the table in memory.
    for left in cache.parent.glob(f"{cache.stem}.*.tmp"):
        left.unlink(missing_ok=True)


class _Output(io.FileIO):
    """A file that is synced piece by piece and refuses writes when the program ends."""

    def __init__(self, path: Path, piece: int) -> None:
        super().__init__(path, "wb")
        self._piece = piece
        self._unsynced = 0

    def write(self, content: Any) -> int:
        """Write all of `content`. Raises OSError."""
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
