"""The header of a safetensors file, checked without loading a tensor: offsets tile the file, sizes fit shapes."""

from __future__ import annotations

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
        header = orjson.loads(os.pread(handle, length, 8))
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"not a safetensors file: {error}") from error
    if not isinstance(header, dict):
        raise BadRequest("not a safetensors file: the header is no object")
    metadata = header.pop("__metadata__", {})
    _check_tensors(header, size - 8 - length)
    return metadata if isinstance(metadata, dict) else {}


def _check_tensors(header: dict[str, Any], data_bytes: int) -> None:
    try:
        spans = sorted((*t["data_offsets"], name) for name, t in header.items())
        at = 0
        for start, end, name in spans:
            tensor = header[name]
            need = _BYTES[tensor["dtype"]]
            for extent in tensor["shape"]:
                if not isinstance(extent, int) or extent < 0:
                    raise ValueError(name)
                need *= extent
            if start != at or end - start != need:
                raise BadRequest(
                    f"not a sound safetensors file: tensor {name!r} does not fit its place"
                )
            at = end
    except (KeyError, TypeError, ValueError) as error:
        raise BadRequest(f"not a sound safetensors file: {error}") from error
    if at != data_bytes:
        raise BadRequest("not a sound safetensors file: bytes that belong to no tensor")
