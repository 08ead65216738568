"""The header of a safetensors file, checked without loading a tensor.

The offsets of tensors cover the file without gaps, and sizes fit shapes.
"""

from __future__ import annotations

import json
import os
import struct
from typing import Any

import orjson

from trainyard_gateway.errors import BadRequest

MAX_HEADER = 16 << 20
_BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1,
    "U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1,
}  # fmt: skip
_FIELDS = {"dtype", "shape", "data_offsets"}
_MOST_DIMENSIONS = 64
"""As many as NumPy has."""


def check(handle: int) -> dict[str, Any]:
    """The metadata of an open file. Raises BadRequest when it is no sound safetensors file."""
    size = os.fstat(handle).st_size
    prefix = os.pread(handle, 8, 0)
    if len(prefix) < 8:
        raise BadRequest("not a safetensors file: too short")
    length = struct.unpack("<Q", prefix)[0]
    if length > min(MAX_HEADER, size - 8):
        raise BadRequest(f"not a safetensors file: a header of {length} bytes")
    try:
        raw = os.pread(handle, length, 8)
        # orjson refuses NaN, deep nesting and bad UTF-8; only json shows duplicate names.
        orjson.loads(raw)
        header = json.loads(raw, object_pairs_hook=_unique)
    except ValueError as error:
        raise BadRequest(f"not a safetensors file: {error}") from error
    if not isinstance(header, dict):
        raise BadRequest("not a safetensors file: the header is no object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise BadRequest("not a sound safetensors file: __metadata__ must be an object of texts")
    _check_tensors(header, size - 8 - length)
    return metadata


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice in the header")
    return found


def _check_tensors(header: dict[str, Any], data_bytes: int) -> None:
    try:
        for name, tensor in header.items():
            _check_entry(name, tensor)
        spans = sorted((*t["data_offsets"], name) for name, t in header.items())
        at = 0
        for start, end, name in spans:
            tensor = header[name]
            need = _BYTES[tensor["dtype"]]
            for extent in tensor["shape"]:
                if type(extent) is not int or extent < 0:
                    raise ValueError(name)
                need *= extent
            if start != at or end - start != need:
                raise BadRequest(
                    f"not a sound safetensors file: tensor {name[:200]!r} does not fit its place"
                )
            at = end
    except (KeyError, TypeError, ValueError) as error:
        raise BadRequest(f"not a sound safetensors file: {str(error)[:300]}") from error
    if at != data_bytes:
        raise BadRequest("not a sound safetensors file: bytes that belong to no tensor")


def _check_entry(name: str, tensor: Any) -> None:
    """The kinds of an entry's values. Raises ValueError or TypeError."""
    if set(tensor) != _FIELDS or not all(type(n) is int for n in tensor["data_offsets"]):
        raise ValueError(f"tensor {name[:200]!r} needs dtype, shape and data_offsets of integers")
    if len(tensor["shape"]) > _MOST_DIMENSIONS:
        raise ValueError(f"tensor {name[:200]!r} has more than {_MOST_DIMENSIONS} dimensions")
