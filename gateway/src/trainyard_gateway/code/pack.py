"""Reads a pack: contents one after the other, each with its hash and its length.

A content is 32 bytes of SHA-256, 8 bytes of length (big-endian), and as many bytes.
"""

from __future__ import annotations

import hashlib
import os
import struct
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from trainyard_gateway.code.folders import CodeFolders
from trainyard_gateway.errors import BadRequest, TooLarge

HEADER: Final = struct.Struct(">32sQ")
MOST_CONTENTS: Final = 10_000
_SYNCING: Final = 8
"""Files that are made durable at a time: the disk writes them together."""


@dataclass(frozen=True, slots=True)
class PackBounds:
    """What one body may hold."""

    content_bytes: int
    """Bytes of one content."""
    pack_bytes: int
    """Bytes of all together."""


class PackReader:
    """Writes the contents of one body to incoming files, and keeps them when all are right.

    Everything blocks. Memory does not grow with the body.
    """

    def __init__(self, folders: CodeFolders, bounds: PackBounds) -> None:
        self._folders, self._bounds = folders, bounds
        self._header, self._sha256, self._size, self._left = bytearray(), "", 0, 0
        self._digest = hashlib.sha256()
        self.total = 0
        """Bytes of all contents so far."""
        self._file: BinaryIO | None = None
        self._written: list[tuple[str, int, Path]] = []

    def begin(self, sha256: str, size: int) -> None:
        """Begin a content. Raises TooLarge."""
        self.total += size
        if size > self._bounds.content_bytes:
            raise TooLarge(
                f"the content {sha256[:12]}… has {size} bytes, and a bundle at most "
                f"{self._bounds.content_bytes} (codeMaxBytes)"
            )
        if self.total > self._bounds.pack_bytes or len(self._written) >= MOST_CONTENTS:
            raise TooLarge(
                f"at most {self._bounds.pack_bytes} bytes and {MOST_CONTENTS} contents are "
                "accepted in one body; send several"
            )
        path = self._folders.incoming / uuid.uuid4().hex
        self._written.append((sha256, size, path))
        self._sha256, self._size, self._left = sha256, size, size
        self._digest = hashlib.sha256()
        self._file = path.open("xb")
        if not size:
            self._end()

    def feed(self, piece: bytes) -> None:
        """The next bytes. Raises BadRequest, TooLarge and OSError."""
        view = memoryview(piece)
        while view:
            taken = view[: self._left] if self._left else view[: HEADER.size - len(self._header)]
            view = view[len(taken) :]
            if self._left:
                self._take(taken)
                continue
            self._header += taken
            if len(self._header) == HEADER.size:
                digest, size = HEADER.unpack(self._header)
                self._header.clear()
                self.begin(digest.hex(), size)

    def _take(self, piece: memoryview) -> None:
        if self._file is None:
            raise BadRequest("more bytes than the content has")
        self._file.write(piece)
        self._digest.update(piece)
        self._left -= len(piece)
        if not self._left:
            self._end()

    def _end(self) -> None:
        self._close()
        if self._digest.hexdigest() != self._sha256:
            raise BadRequest(
                f"a content was announced as {self._sha256} but has the hash "
                f"{self._digest.hexdigest()}; send it again"
            )

    def finish(self) -> list[str]:
        """Make everything durable and give it its names. Returns the hashes in their order.

        Raises BadRequest if the body ended inside of a content.
        """
        if self._left or self._header:
            raise BadRequest("the body ended inside of a content; send it again")
        with ThreadPoolExecutor(_SYNCING) as pool:
            list(pool.map(_sync, (path for _, _, path in self._written)))
        for sha256, size, path in self._written:
            self._folders.keep(path, sha256, size)
        self._folders.sync({sha256 for sha256, _, _ in self._written})
        return [sha256 for sha256, _, _ in self._written]

    def abandon(self) -> None:
        """Remove what is not kept."""
        self._close()
        for _, _, path in self._written:
            path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
