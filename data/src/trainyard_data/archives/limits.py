"""How much an archive may hold and unpack to, counted while it is read."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from trainyard_data.errors import BadData


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one archive."""

    members: int = 1_000_000
    """Members of every kind."""
    member_bytes: int = 64 << 20
    """Unpacked bytes of one member that is read into memory."""
    ratio: int = 1100
    """Unpacked bytes for each packed byte. Deflate reaches 1,032, with blank images; bzip2 and xz
    bombs have thousands."""
    free_bytes: int = 64 << 20
    """Unpacked bytes that are never too many."""
    seconds: float = 60.0
    bytes_per_second: int = 4_000_000
    """The time that one walk may take: `seconds`, and one more for so many packed bytes."""


LIMITS = Limits()
"""Those of an upload."""
READING = Limits(seconds=math.inf)
"""Those of a training and a prediction, whose own work between two members takes time."""


class Budget:
    """What one walk over an archive of `packed` bytes has used up."""

    def __init__(self, limits: Limits, packed: int) -> None:
        self.limits = limits
        self._most = limits.ratio * packed + limits.free_bytes
        self._deadline = time.monotonic() + limits.seconds + packed / limits.bytes_per_second
        self._members = 0
        self._unpacked = 0

    def member(self) -> None:
        """Count one member. Raises BadData beyond the limit."""
        self._members += 1
        if self._members > self.limits.members:
            raise BadData(
                f"the archive has more than {self.limits.members} members",
                hint="pack the images into several datasets",
            )
        self._check_time()

    def unpacked(self, count: int) -> None:
        """Count unpacked bytes. Raises BadData beyond the limit."""
        self._unpacked += count
        if self._unpacked > self._most:
            raise BadData(f"the archive unpacks to more than {self.limits.ratio} times its size")
        self._check_time()

    def _check_time(self) -> None:
        if time.monotonic() > self._deadline:
            raise BadData(
                "the archive takes too long to unpack", hint="pack it as plain .tar or .zip"
            )
