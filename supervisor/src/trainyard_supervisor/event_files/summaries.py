"""The scalars of an event of TensorBoard. Pure.

`SummaryWriter` of PyTorch, tensorboardX and TensorFlow 1 write `simple_value`; TensorFlow 2 writes
tensors for the plugin `scalars`. Pictures, text, histograms and graphs are no scalars.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from trainyard_supervisor.event_files.tensors import scalar_of
from trainyard_supervisor.event_files.wire import (
    BYTES,
    FIXED32,
    FIXED64,
    VARINT,
    Field,
    fields,
    last_fields,
    signed,
)

_SCALARS = b"scalars"
_SCALAR_CLASS = 1
_LONGEST_TAG = 4096
"""Bytes of a tag; a longer one is none."""


class Event(NamedTuple):
    """What one record says."""

    wall_time: float
    """Seconds since 1970, 0 if it is not said."""
    step: int
    values: list[tuple[str, float]]
    """Tags and their values."""


def event_of(content: bytes) -> Event:
    """The event in a record. Raises ValueError if it is none."""
    wall_time, step = 0.0, 0
    values: list[tuple[str, float]] = []
    for field in fields(content):
        if field.number == 1 and field.kind == FIXED64:
            wall_time = struct.unpack("<d", field.content)[0]
        elif field.number == 2 and field.kind == VARINT:
            step = signed(field.integer)
        elif field.number == 5 and field.kind == BYTES:
            values += _summary(field.content)
    return Event(wall_time, step, values)


def _summary(message: bytes) -> Iterator[tuple[str, float]]:
    for field in fields(message):
        if field.number == 1 and field.kind == BYTES:
            found = _value(field.content)
            if found is not None:
                yield found


def _value(message: bytes) -> tuple[str, float] | None:
    found = last_fields(message)
    tag = found.get((1, BYTES))
    if tag is None or not 0 < len(tag.content) <= _LONGEST_TAG:
        return None
    number = _number(found.get((2, FIXED32)), found.get((8, BYTES)), found.get((9, BYTES)))
    return None if number is None else (tag.content.decode("utf-8", "replace"), number)


def _number(simple: Field | None, tensor: Field | None, metadata: Field | None) -> float | None:
    if simple is not None:
        return float(struct.unpack("<f", simple.content)[0])
    # Writers may leave the metadata out where a tag had it before.
    is_scalar = None if metadata is None else _is_scalar(metadata.content)
    if tensor is None or is_scalar is False:
        return None
    return scalar_of(tensor.content, any_shape=is_scalar is True)


def _is_scalar(metadata: bytes) -> bool | None:
    """Whether the values of a tag are scalars; None if that is not said."""
    found = last_fields(metadata)
    data_class = found[4, VARINT].integer if (4, VARINT) in found else 0
    plugin = last_fields(found[1, BYTES].content) if (1, BYTES) in found else {}
    name = plugin[1, BYTES].content if (1, BYTES) in plugin else b""
    if name == _SCALARS or data_class == _SCALAR_CLASS:
        return True
    return False if name or data_class else None
