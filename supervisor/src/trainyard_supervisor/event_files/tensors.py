"""The one number of a tensor of TensorFlow (`TensorProto`). Pure."""

from __future__ import annotations

import struct

from trainyard_supervisor.event_files.wire import (
    BYTES,
    VARINT,
    Field,
    fields,
    last_fields,
    signed,
    varint,
)

_HALF, _BFLOAT16 = 19, 14
_LAYOUTS = {
    1: "<f",
    2: "<d",
    3: "<i",
    4: "<B",
    5: "<h",
    6: "<b",
    9: "<q",
    10: "<?",
    17: "<H",
    _HALF: "<e",
    22: "<I",
    23: "<Q",
}
"""How a number of each type lies in `tensor_content`."""
_REALS = {5: "<f", 6: "<d"}
"""Fields of float_val and double_val."""
_HALF_VAL = 13
_UNSIGNED = frozenset({_HALF_VAL, 16, 17})
"""Fields of half_val, uint32_val and uint64_val."""
_INTEGERS = _UNSIGNED | {7, 10, 11}
"""The same with those of int_val, int64_val and bool_val."""


def scalar_of(tensor: bytes, *, any_shape: bool) -> float | None:
    """The number of a tensor that holds one; None for any other. Raises ValueError.

    `any_shape`: whether it may have dimensions, of one entry each.
    """
    found = last_fields(tensor)
    dtype = found[1, VARINT].integer if (1, VARINT) in found else 0
    sizes = _sizes(found[2, BYTES].content) if (2, BYTES) in found else []
    is_one = all(size == 1 for size in sizes) and (any_shape or not sizes)
    if not is_one or (dtype not in _LAYOUTS and dtype != _BFLOAT16):
        return None
    if (4, BYTES) in found:
        return _of_content(dtype, found[4, BYTES].content)
    values = [f for f in fields(tensor) if f.number in _REALS or f.number in _INTEGERS]
    if not values:
        # Zeros may be left out.
        return 0.0
    return _of_field(dtype, values[0]) if len(values) == 1 else None


def _of_content(dtype: int, content: bytes) -> float | None:
    if dtype == _BFLOAT16:
        return _short(dtype, int.from_bytes(content, "little")) if len(content) == 2 else None
    layout = _LAYOUTS[dtype]
    if len(content) != struct.calcsize(layout):
        return None
    return float(struct.unpack(layout, content)[0])


def _of_field(dtype: int, field: Field) -> float | None:
    if field.number in _REALS:
        layout = _REALS[field.number]
        if len(field.content) != struct.calcsize(layout):
            return None
        return float(struct.unpack(layout, field.content)[0])
    if field.kind == VARINT:
        integer = field.integer
    else:
        integer, end = varint(field.content, 0)
        if end != len(field.content):
            return None
    if field.number == _HALF_VAL:
        return _short(dtype, integer)
    return float(integer if field.number in _UNSIGNED else signed(integer))


def _short(dtype: int, bits: int) -> float:
    """A number of 16 bits."""
    if dtype == _BFLOAT16:
        return float(struct.unpack("<f", struct.pack("<I", (bits & 0xFFFF) << 16))[0])
    return float(struct.unpack("<e", struct.pack("<H", bits & 0xFFFF))[0])


def _sizes(shape: bytes) -> list[int]:
    """The size of each dimension (`TensorShapeProto`)."""
    found = []
    for field in fields(shape):
        if field.number == 2 and field.kind == BYTES:
            size = last_fields(field.content).get((1, VARINT))
            found.append(0 if size is None else size.integer)
    return found
