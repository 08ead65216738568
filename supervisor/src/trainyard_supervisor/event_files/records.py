"""The records of an event file, which is a TFRecord file that grows.

A record is the length of its content (8 bytes, little-endian), the masked CRC-32C of these, the
content, and the masked CRC-32C of the content.

Guarantees: no content of a file raises an error. A record that is not whole yet is not passed over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

HEAD, FOOT = 12, 4
"""Bytes before and after the content of a record."""
MOST_CONTENT = 1 << 20
"""Longer records are pictures, histograms and graphs: they are passed over without reading them."""
MOST_LENGTH = 1 << 40
"""A longer one is no length."""
PIECE = 64 << 10
"""Bytes that are read at once."""


class Records(NamedTuple):
    """What was read of a file."""

    contents: list[bytes]
    end: int
    """Where to read next."""
    taken: int
    """Bytes that were looked at; those of long records were not."""
    damaged: int
    """Bytes that were no records and were passed over."""
    stuck: bool
    """Whether no record stands at `end`, though there are enough bytes for one."""


def read_records(
    read: Callable[[int, int], bytes],
    start: int,
    size: int,
    most: int,
    *,
    passes_over: bool,
) -> Records:
    """The records from `start` on, of about `most` bytes; `size` is that of the file.

    `read(at, count)` gives bytes of the file, fewer at its end. With `passes_over` what is no
    record is passed over up to the next one; otherwise reading ends there, since a volume may show
    a file longer before it shows what was written.
    """
    window = _Window(read)
    contents: list[bytes] = []
    at, taken, damaged = start, 0, 0
    while taken < most and at + HEAD <= size:
        length = _length(window.at(at, HEAD))
        end = at + HEAD + (length or 0) + FOOT
        if length is not None and end > size:
            break
        if length is not None and length > MOST_CONTENT:
            at, taken = end, taken + HEAD
            continue
        content = None if length is None else _content(window.at(at + HEAD, length + FOOT), length)
        if content is not None:
            contents.append(content)
        elif not passes_over:
            return Records(contents, at, taken, damaged, True)
        else:
            end = _next_record(window, at + 1, size) if length is None else end
            damaged += end - at
        at, taken = end, taken + end - at
    return Records(contents, at, taken, damaged, False)


class _Window:
    """Bytes of a file, read in larger pieces."""

    def __init__(self, read: Callable[[int, int], bytes]) -> None:
        self._read = read
        self._start, self._bytes = 0, b""

    def at(self, at: int, count: int) -> bytes:
        """Bytes from `at` on; fewer than `count` at the end of the file."""
        begin = at - self._start
        if begin < 0 or begin + count > len(self._bytes):
            self._start, self._bytes = at, self._read(at, max(count, PIECE))
            begin = 0
        return self._bytes[begin : begin + count]


def _length(head: bytes) -> int | None:
    """The length that the head of a record says; None if it is none."""
    if len(head) < HEAD or head[5:8] != b"\0\0\0":
        return None
    if masked_crc(head[:8]) != int.from_bytes(head[8:], "little"):
        return None
    return int.from_bytes(head[:8], "little")


def _content(found: bytes, length: int) -> bytes | None:
    content = found[:length]
    if len(found) < length + FOOT or masked_crc(content) != int.from_bytes(
        found[length:], "little"
    ):
        return None
    return content


def _next_record(window: _Window, start: int, size: int) -> int:
    """Where the next head of a record stands; without one, where the next may begin.

    At most `PIECE` bytes are looked at.
    """
    end = min(size - HEAD + 1, start + PIECE)
    for at in range(start, end):
        if _length(window.at(at, HEAD)) is not None:
            return at
    return max(start, end)


def _table() -> tuple[int, ...]:
    found = []
    for number in range(256):
        crc = number
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
        found.append(crc)
    return tuple(found)


_TABLE = _table()


def masked_crc(data: bytes) -> int:
    """The masked CRC-32C, as TFRecord files have it."""
    crc, table = 0xFFFFFFFF, _TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
