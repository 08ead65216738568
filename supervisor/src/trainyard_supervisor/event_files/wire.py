"""The wire format of Protocol Buffers, as far as reading needs it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Kinds of values."""
_LONGEST_VARINT = 10


class Field(NamedTuple):
    """One field of a message."""

    number: int
    kind: int
    integer: int
    """The value of a VARINT, else 0."""
    content: bytes
    """The value of any other kind, else empty."""


def fields(message: bytes) -> Iterator[Field]:
    """The fields of a message. Raises ValueError."""
    at, end = 0, len(message)
    while at < end:
        key, at = varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            integer, at = varint(message, at)
            yield Field(number, kind, integer, b"")
            continue
        if kind == BYTES:
            length, at = varint(message, at)
        elif kind in (FIXED32, FIXED64):
            length = 4 if kind == FIXED32 else 8
        else:
            raise ValueError(f"a field of kind {kind}")
        if length > end - at:
            raise ValueError("a field is longer than its message")
        yield Field(number, kind, 0, message[at : at + length])
        at += length


def last_fields(message: bytes) -> dict[tuple[int, int], Field]:
    """The last field of each number and kind, which is what counts. Raises ValueError."""
    return {(field.number, field.kind): field for field in fields(message)}


def varint(message: bytes, at: int) -> tuple[int, int]:
    """The number at a place, and the place after it. Raises ValueError."""
    number = 0
    for place in range(_LONGEST_VARINT):
        if at >= len(message):
            raise ValueError("a number is cut off")
        byte = message[at]
        at += 1
        number |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return number & 0xFFFFFFFFFFFFFFFF, at
    raise ValueError("a number is too long")


def signed(number: int) -> int:
    """A number of 64 bits in two's complement as Python has it."""
    return number - (1 << 64) if number >> 63 else number
