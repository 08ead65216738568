"""A spool of open batches: a line is on disk before its caller is answered.

Guarantees: a line survives the process once `append` has returned, and the machine once `sync` or
`seal` has; a file gets no line any more once it may have been sent, so that a sequence stands for
one content; files are sent in order. What waits never holds more than `limit_bytes` (the oldest
files are dropped first and counted).
`<attempt>/<stream>/<sequence>.jsonl`, as `trainyard_api.runs.lines` describes. What the gateway has
acknowledged is moved to `kept`, where it stays as the history of the stream.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from trainyard.reporting.sender import encoded
from trainyard.reporting.spool import LIMIT_BYTES
from trainyard_api.runs.lines import batch_of

MOST_ITEMS = 900
MOST_BYTES = 64 << 10
"""Of an open batch; then the next one begins."""
MEMORY_LINES = 2000
"""Lines that wait in memory while the disk takes none; then the oldest are dropped."""
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC


class SealedBatch(NamedTuple):
    """A file of lines that gets no more of them."""

    path: Path
    session_uid: str

    @property
    def place(self) -> tuple[int, int]:
        """Attempt and sequence."""
        return int(self.path.parent.parent.name), int(self.path.stem)

    def read(self) -> bytes:
        """The batch as it is sent. Raises FileNotFoundError if another one has taken it in."""
        attempt, sequence = self.place
        identity = {
            "sessionUid": self.session_uid,
            "attempt": attempt,
            "stream": self.path.parent.name,
            "sequence": sequence,
        }
        with self.path.open("rb") as content:
            return encoded(batch_of(identity, content))


class LineSpool:
    """The open batches of one stream of one attempt.

    Several threads may append; one seals and removes.
    """

    def __init__(  # the place of a stream, and a bound
        self,
        root: Path,
        session_uid: str,
        attempt: int,
        stream: str,
        kept: Path,
        limit_bytes: int = LIMIT_BYTES,
    ) -> None:
        """Raises OSError if its folders cannot be made."""
        self._root, self._uid, self._kept, self._limit = root, session_uid, kept, limit_bytes
        self._own = root / f"{attempt:06d}" / stream
        self._own.mkdir(parents=True, exist_ok=True)
        kept.mkdir(parents=True, exist_ok=True)
        self._last = self._own / "last"
        self._sequence = self._last_sequence()
        self._lock = threading.Lock()
        self._handle: int | None = None
        self._items = self._bytes = 0
        self._unwritten: deque[tuple[bytes, int]] = deque(maxlen=MEMORY_LINES)
        self._full: deque[tuple[int, int]] = deque()
        """Handles and sequences of files that get no more lines, but are still open."""
        self.waiting: deque[SealedBatch] = deque(self.on_disk())
        """What may be sent, oldest first."""
        self._waiting_bytes = sum(batch.path.stat().st_size for batch in self.waiting)
        self.dropped = 0
        """Batches that were dropped because the spool was full."""

    def append(self, line: bytes, items: int = 1) -> OSError | None:
        """Take a line that holds so many items; the error if the disk does not take it.

        Then it waits in memory.
        """
        with self._lock:
            self._unwritten.append((line, items))
            try:
                self._write_all()
            except OSError as error:
                return error
        return None

    @property
    def empty(self) -> bool:
        """Whether every line is in a file that may be sent."""
        return self._handle is None and not self._full and not self._unwritten

    def sync(self) -> None:
        """Write what is open through to the disk. Raises OSError."""
        with self._lock:
            self._write_all()
            handle = self._handle
        if handle is not None:
            os.fsync(handle)
        self._close_full()

    def seal(self) -> None:
        """The same; the next line begins another batch. Raises OSError."""
        with self._lock:
            self._write_all()
            self._shut()
        self._close_full()

    def on_disk(self) -> Iterator[SealedBatch]:
        """The files of this stream, of earlier attempts first; other workers send their own."""
        for path in sorted(self._root.glob(f"*/{self._own.name}/*.jsonl")):
            yield SealedBatch(path, self._uid)

    def remove(self, batch: SealedBatch) -> None:
        """Keep an acknowledged batch as history."""
        if batch.path.parent == self._own:
            # A relay that restarts in the same attempt must not use a number twice.
            self._last.write_text(str(batch.place[1]))
        self._waiting_bytes -= batch.path.stat().st_size
        attempt, sequence = batch.place
        batch.path.replace(self._kept / f"{attempt:06d}-{sequence:012d}.jsonl")

    def _write_all(self) -> None:
        while self._unwritten:
            self._write(*self._unwritten[0])
            self._unwritten.popleft()

    def _write(self, line: bytes, items: int) -> None:
        if self._items + items > MOST_ITEMS or self._bytes + len(line) > MOST_BYTES:
            self._shut()
        if self._handle is None:
            self._handle = os.open(self._path(self._sequence + 1), _APPEND, 0o644)
            self._sequence += 1
        written = 0
        try:
            written = os.write(self._handle, line)
        finally:
            if written != len(line):
                os.ftruncate(self._handle, self._bytes)
        if written != len(line):
            raise OSError("the disk takes no more")
        self._items, self._bytes = self._items + items, self._bytes + written

    def _shut(self) -> None:
        if self._handle is not None:
            self._full.append((self._handle, self._sequence))
        self._handle, self._items, self._bytes = None, 0, 0

    def _close_full(self) -> None:
        while self._full:
            handle, sequence = self._full[0]
            os.fsync(handle)
            self._waiting_bytes += os.fstat(handle).st_size
            os.close(handle)
            self.waiting.append(SealedBatch(self._path(sequence), self._uid))
            self._full.popleft()
        while self._waiting_bytes > self._limit and len(self.waiting) > 1:
            self.remove(self.waiting.popleft())
            self.dropped += 1

    def _path(self, sequence: int) -> Path:
        return self._own / f"{sequence:012d}.jsonl"

    def _last_sequence(self) -> int:
        used = [int(path.stem) for path in self._own.glob("*.jsonl")]
        prefix = f"{self._own.parent.name}-"
        used += [int(path.stem[len(prefix) :]) for path in self._kept.glob(f"{prefix}*.jsonl")]
        try:
            used.append(int(self._last.read_text()))
        except (OSError, ValueError):
            used.append(0)
        return max(used)
