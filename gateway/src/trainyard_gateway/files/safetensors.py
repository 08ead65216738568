"""The header of a safetensors file, checked without loading a tensor.

The offsets of tensors cover the file without gaps, and sizes fit shapes. A header may have 100 MB,
as safetensors allows; it is read in pieces, so that memory does not grow with it.
"""

from __future__ import annotations

import os
import struct
from array import array
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from trainyard_data.signatures import LONGEST, kind_of
from trainyard_gateway.errors import BadRequest
from trainyard_gateway.files.json_header import HeaderText

MAX_HEADER = 100_000_000
"""As safetensors itself."""
MAX_TENSORS = 500_000
MAX_METADATA = 16 << 20
"""Characters of metadata that are kept; longer values are checked and passed over."""
BITS = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "I16": 16, "I8": 8,
    "U64": 64, "U32": 32, "U16": 16, "U8": 8, "BOOL": 8, "C64": 64, "F8_E4M3": 8, "F8_E5M2": 8,
    "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}  # fmt: skip
"""Bits of one value, by every dtype that safetensors 0.8 writes."""
_METADATA = "__metadata__"
_FIELDS = {"dtype", "shape", "data_offsets"}
_MOST_DIMENSIONS = 64
"""As many as NumPy has."""
_LARGEST = 2**63

Span = tuple[int, int]


def check(handle: int) -> dict[str, str]:
    """The metadata of an open file. Raises BadRequest when it is no sound safetensors file."""
    size = os.fstat(handle).st_size
    start = os.pread(handle, LONGEST, 0)
    if len(start) < 8:
        raise BadRequest("not a safetensors file: too short")
    length = struct.unpack_from("<Q", start)[0]
    if length > min(MAX_HEADER, size - 8) or start[8:9] != b"{":
        raise BadRequest(f"not a safetensors file: {_what(start, length, size)}")
    metadata: dict[str, str] = {}
    starts, ends = array("q"), array("q")
    try:
        for first, last in (span for _, span in _tensors(handle, length, metadata)):
            starts.append(first)
            ends.append(last)
        _check_cover(handle, length, starts, ends, size - 8 - length)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BadRequest(f"not a sound safetensors file: {str(error)[:300]}") from error
    return metadata


def _what(start: bytes, length: int, size: int) -> str:
    """What a file is that cannot be safetensors."""
    kind = kind_of(start)
    if kind is not None:
        advice = "" if "LFS" in kind else "; save the weights by safetensors.torch.save_file"
        return f"it is {kind}{advice}"
    if length > size - 8:
        return f"its header should have {length} bytes, but the file has {size}; was it cut off?"
    if length > MAX_HEADER:
        return f"a header of {length} bytes"
    return "its header is no JSON object"


def _tensors(handle: int, length: int, metadata: dict[str, str]) -> Iterator[tuple[str, Span]]:
    """Name and place of each tensor, in the order of the header. Fills `metadata`."""
    text = HeaderText(lambda size, at: os.pread(handle, size, 8 + at), length)
    seen = array("q")
    for name in text.members():
        seen.append(hash(name))
        if len(seen) > MAX_TENSORS:
            raise ValueError(f"more than {MAX_TENSORS} tensors")
        if name == _METADATA:
            _read_metadata(text, metadata)
        else:
            yield name, _span(name, text.value())
    if len(np.unique(np.frombuffer(seen, np.int64))) != len(seen):
        raise ValueError("a name occurs twice in the header")


def _read_metadata(text: HeaderText, metadata: dict[str, str]) -> None:
    if text.is_null():
        return
    kept = 0
    for key in text.members():
        value = text.string()
        if key in metadata:
            raise ValueError("a name occurs twice in the metadata")
        if value is not None and kept + len(value) <= MAX_METADATA:
            kept += len(key) + len(value)
            metadata[key] = value


def _span(name: str, tensor: Any) -> Span:
    """Where a tensor's bytes are. Raises ValueError unless its entry is sound."""
    shown = repr(name[:200])
    if not isinstance(tensor, dict) or set(tensor) != _FIELDS:
        raise ValueError(f"tensor {shown} needs dtype, shape and data_offsets")
    dtype, shape, offsets = tensor["dtype"], tensor["shape"], tensor["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        raise ValueError(f"tensor {shown} has the dtype {str(dtype)[:40]!r}, which is not known")
    if not _are_numbers(shape) or len(shape) > _MOST_DIMENSIONS:
        raise ValueError(f"tensor {shown} has no shape of at most {_MOST_DIMENSIONS} integers")
    if not _are_numbers(offsets) or len(offsets) != 2:
        raise ValueError(f"tensor {shown} has no two data_offsets")
    bits = BITS[dtype]
    for extent in shape:
        bits *= extent
    first, last = offsets
    if bits % 8 or last - first != bits // 8:
        raise ValueError(f"tensor {shown} does not fit its place")
    return first, last


def _are_numbers(values: Any) -> bool:
    return isinstance(values, list) and all(type(n) is int and 0 <= n < _LARGEST for n in values)


def _check_cover(handle: int, length: int, starts: array[int], ends: array[int], size: int) -> None:
    """Raise ValueError unless the tensors cover the bytes behind the header, each once."""
    first, last = np.frombuffer(starts, np.int64), np.frombuffer(ends, np.int64)
    order = np.lexsort((last, first))
    before = np.concatenate([np.zeros(1, np.int64), last[order][:-1]])[: len(order)]
    wrong = np.flatnonzero(first[order] != before)
    if len(wrong):
        place = int(order[wrong[0]])
        name, _ = next(islice(_tensors(handle, length, {}), place, None))
        raise ValueError(f"tensor {name[:200]!r} does not fit its place")
    covered = int(last[order[-1]]) if len(order) else 0
    if covered != size:
        raise ValueError(
            "bytes that belong to no tensor"
            if covered < size
            else f"its tensors need {covered} bytes, the file has {size}; was it cut off?"
        )
