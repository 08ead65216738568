"""Event files of TensorBoard, made by hand so that a test can choose each byte of them."""

from __future__ import annotations

import struct
from collections.abc import Iterable

MASK = 0xA282EAD8


def crc32c(data: bytes) -> int:
    """CRC-32C bit by bit, as its definition says."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 * (crc & 1))
    return crc ^ 0xFFFFFFFF


def record(content: bytes) -> bytes:
    """A record with this content."""
    length = struct.pack("<Q", len(content))
    return length + _masked(length) + content + _masked(content)


def varint(number: int) -> bytes:
    """A number as Protocol Buffers write it; negative ones in 64 bits."""
    number &= (1 << 64) - 1
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def field(number: int, value: int | bytes | float) -> bytes:
    """A field: an int as a varint, bytes with their length, a float in 32 bits."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def event(step: int, values: Iterable[bytes], when: float = 1e9) -> bytes:
    """The content of a record: an event with values of a summary."""
    summary = b"".join(field(1, value) for value in values)
    time = varint(1 << 3 | 1) + struct.pack("<d", when)
    return time + (field(2, step) if step else b"") + field(5, summary)


def simple(tag: str, value: float) -> bytes:
    """A value as PyTorch's SummaryWriter writes it."""
    return field(1, tag.encode()) + field(2, float(value))


def scalar(tag: str, value: float, step: int, when: float = 1e9) -> bytes:
    """A record with one value."""
    return record(event(step, [simple(tag, value)], when))


def tensor(tag: str, content: bytes, plugin: str | None = None, data_class: int = 0) -> bytes:
    """A value with a tensor; `plugin` is None without metadata."""
    metadata = field(1, field(1, (plugin or "").encode())) + (
        field(4, data_class) if data_class else b""
    )
    return (
        field(1, tag.encode())
        + field(8, content)
        + (field(9, metadata) if plugin is not None or data_class else b"")
    )


def version(when: float = 1e9) -> bytes:
    """The first record of a file."""
    return record(varint(1 << 3 | 1) + struct.pack("<d", when) + field(3, b"brain.Event:2"))


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + MASK) & 0xFFFFFFFF)
