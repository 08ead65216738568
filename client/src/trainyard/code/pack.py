"""The body of a request with several contents, and reading such a body.

A pack is one content after the other: 32 bytes of SHA-256, 8 bytes of length (big-endian), bytes.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Final

from trainyard.code.bundle import Content
from trainyard.code.refusals import CannotBundle
from trainyard.errors import BadAnswer

HEADER: Final = struct.Struct(">32sQ")
PACK_BYTES: Final = 16 << 20
"""Small files go together up to so many bytes."""
PACK_FILES: Final = 2000
_CHUNK: Final = 1 << 20


class Pack:
    """Contents that are sent in one request; may be read more than once."""

    sha256 = ""
    """A part of a file has one here; a pack has one for each content."""

    def __init__(
        self, contents: Sequence[tuple[str, Content]], on_sent: Callable[[int], None]
    ) -> None:
        self.contents, self._on_sent = contents, on_sent
        self.size = sum(HEADER.size + content.size for _, content in contents)

    def chunks(self) -> Iterator[bytes]:
        """The body. Raises CannotBundle if a file is no longer what it was."""
        sent, waiting = 0, bytearray()
        for sha256, content in self.contents:
            waiting += HEADER.pack(bytes.fromhex(sha256), content.size)
            for chunk in _content(sha256, content):
                waiting += chunk
                sent += len(chunk)
                if len(waiting) >= _CHUNK:
                    yield bytes(waiting)
                    waiting.clear()
                    self._on_sent(sent)
        if waiting:
            yield bytes(waiting)
        self._on_sent(sent)

    async def async_chunks(self) -> AsyncIterator[bytes]:
        """The body, for the asynchronous client."""
        for chunk in self.chunks():
            yield chunk


def _content(sha256: str, content: Content) -> Iterator[bytes]:
    digest, left = hashlib.sha256(), content.size
    try:
        with content.path.open("rb") as file:
            while left and (chunk := file.read(min(_CHUNK, left))):
                digest.update(chunk)
                left -= len(chunk)
                yield chunk
    except OSError as error:
        raise _changed(content) from error
    if left or digest.hexdigest() != sha256:
        raise _changed(content)


def packs(missing: Sequence[tuple[str, Content]], on_sent: Callable[[int], None]) -> Iterator[Pack]:
    """The contents in packs of at most PACK_BYTES and PACK_FILES; a larger one is alone."""
    done, group, size = 0, list[tuple[str, Content]](), 0
    for one in missing:
        if group and (size + one[1].size > PACK_BYTES or len(group) >= PACK_FILES):
            yield Pack(group, _after(done, on_sent))
            done, group, size = done + size, [], 0
        group.append(one)
        size += one[1].size
    if group:
        yield Pack(group, _after(done, on_sent))


def _after(done: int, on_sent: Callable[[int], None]) -> Callable[[int], None]:
    return lambda sent: on_sent(done + sent)


class Unpacker:
    """Reads a pack from pieces; gives each content's bytes to `sink` as they come."""

    def __init__(self, sink: Callable[[str, int, bytes], None]) -> None:
        """`sink` gets hash, size, and bytes; each content begins with empty bytes."""
        self._sink, self._header = sink, bytearray()
        self._sha256, self._size, self._left = "", 0, 0
        self._digest = hashlib.sha256()

    def feed(self, piece: bytes) -> None:
        """The next bytes. Raises BadAnswer for a content that is not what its hash says."""
        view = memoryview(piece)
        while view:
            if not self._left:
                view = self._begin(view)
                continue
            taken = view[: self._left]
            self._digest.update(taken)
            self._sink(self._sha256, self._size, bytes(taken))
            self._left -= len(taken)
            view = view[len(taken) :]
            if not self._left:
                self._check()

    def finish(self) -> None:
        """Raises BadAnswer if the pack ends inside of a content."""
        if self._left or self._header:
            raise BadAnswer("the bundle's content broke off; get it again")

    def _begin(self, view: memoryview) -> memoryview:
        taken = view[: HEADER.size - len(self._header)]
        self._header += taken
        if len(self._header) == HEADER.size:
            digest, self._size = HEADER.unpack(self._header)
            self._sha256, self._left = digest.hex(), self._size
            self._header.clear()
            self._digest = hashlib.sha256()
            self._sink(self._sha256, self._size, b"")
            if not self._left:
                self._check()
        return view[len(taken) :]

    def _check(self) -> None:
        if self._digest.hexdigest() != self._sha256:
            raise BadAnswer(
                f"the content {self._sha256[:12]}… was damaged on the way; get it again"
            )


def _changed(content: Content) -> CannotBundle:
    return CannotBundle(
        f"{content.path.name} changed while it was sent; run the command again when it is complete"
    )
