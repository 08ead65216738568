"""Archives on their way to callers: how many there are, and the threads that make their pieces."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable

import anyio
from anyio import CapacityLimiter, to_thread

from trainyard_gateway.errors import TooManyRequests
from trainyard_gateway.run_files.zip_stream import ZipStream, next_piece

MOST_ARCHIVES = 8
MOST_ARCHIVES_OF_KEY = 2
"""Archives that are sent at a time: each holds handles and a temporary file."""
_RETRY_SECONDS = 5.0


class ArchiveSlots:
    """The archives that are sent now, by key."""

    def __init__(self) -> None:
        self._archives: Counter[str] = Counter()

    def take(self, key: str) -> None:
        """Count one more of this key. Raises TooManyRequests."""
        if self._archives[key] >= MOST_ARCHIVES_OF_KEY:
            raise TooManyRequests(
                f"{MOST_ARCHIVES_OF_KEY} archives are sent to this key already; wait for one of "
                "them",
                _RETRY_SECONDS,
            )
        if self._archives.total() >= MOST_ARCHIVES:
            raise TooManyRequests(
                f"{MOST_ARCHIVES} archives are sent already; wait for one of them", _RETRY_SECONDS
            )
        self._archives[key] += 1

    def give_back(self, key: str) -> None:
        """Count one less."""
        self._archives[key] -= 1


class ArchiveStream:
    """The pieces of an archive, each made in a thread."""

    def __init__(
        self, top: str, archive: ZipStream, threads: CapacityLimiter, on_close: Callable[[], None]
    ) -> None:
        self.name = top
        self._archive, self._threads, self._on_close = archive, threads, on_close
        self._pieces = archive.pieces()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        # A thread that works is waited for, also when the client is gone: it uses the handles.
        while True:
            piece = await to_thread.run_sync(next_piece, self._pieces, limiter=self._threads)
            if piece is None:
                return
            if piece:
                yield piece

    async def close(self) -> None:
        """Give back what the archive holds, also where it is not sent to its end."""
        self._on_close()
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(self._close)

    def _close(self) -> None:
        self._pieces.close()
        self._archive.close()
