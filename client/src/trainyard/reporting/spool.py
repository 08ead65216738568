"""Batches on disk until the gateway has acknowledged them.

Guarantees: a batch survives the process once `put` has returned; batches are read in the order in
which they were put; the spool never holds more than `limit_bytes` (the oldest batches are dropped
first and counted).
One file per batch, `<attempt>/<stream>/<sequence>.json`, written beside and renamed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

LIMIT_BYTES = 256 * 1024 * 1024


class Entry(NamedTuple):
    """A batch in the spool."""

    path: Path

    def read(self) -> bytes:
        """The batch as it is sent."""
        return self.path.read_bytes()


class Spool:
    """The folder of one session; every attempt and stream has its own below it."""

    def __init__(
        self, root: Path, attempt: int, stream: str, limit_bytes: int = LIMIT_BYTES
    ) -> None:
        self._root = root
        self._own = root / f"{attempt:06d}" / stream
        self._own.mkdir(parents=True, exist_ok=True)
        self._last = self._own / "last"
        self._acknowledged = self.last_sequence()
        self._limit = limit_bytes
        self._bytes = sum(e.path.stat().st_size for e in self.entries())
        self.dropped = 0
        """Batches that were dropped because the spool was full."""

    def put(self, sequence: int, body: bytes) -> Entry:
        """Write a batch durably; drops the oldest ones if the spool is full. Raises OSError."""
        while self._bytes + len(body) > self._limit and self._drop_oldest():
            self.dropped += 1
        path = self._own / f"{sequence:012d}.json"
        temporary = path.with_suffix(".tmp")
        with temporary.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        self._bytes += len(body)
        return Entry(path)

    def remove(self, entry: Entry) -> None:
        """Remove an acknowledged batch."""
        if entry.path.parent == self._own:
            # A program that restarts in the same attempt must not use a number twice. Batches that
            # still wait have their number in their name.
            self._acknowledged = max(self._acknowledged, int(entry.path.stem))
            self._last.write_text(str(self._acknowledged))
        self._bytes -= entry.path.stat().st_size
        entry.path.unlink()

    def entries(self) -> Iterator[Entry]:
        """This stream's batches, those of earlier attempts first; other workers send their own."""
        for path in sorted(self._root.glob(f"*/{self._own.name}/*.json")):
            yield Entry(path)

    def last_sequence(self) -> int:
        """The highest sequence that this attempt's stream has used, 0 when it has none."""
        waiting = [int(p.stem) for p in self._own.glob("*.json")]
        try:
            waiting.append(int(self._last.read_text()))
        except (OSError, ValueError):
            # Nothing was delivered yet, or the machine crashed during the write.
            waiting.append(0)
        return max(waiting)

    def _drop_oldest(self) -> bool:
        oldest = next(self.entries(), None)
        if oldest is None:
            return False
        self.remove(oldest)
        return True
