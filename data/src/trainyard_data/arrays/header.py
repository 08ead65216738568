"""The header of an NPY array, bounded before it is read."""

from __future__ import annotations

import io
import math
import struct
import tokenize
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainyard_data.errors import BadData

_MAGIC = b"\x93NUMPY"
_LONGEST = 64 << 10
_BROKEN = (
    ValueError, TypeError, EOFError, SyntaxError, tokenize.TokenError, OverflowError,
    RecursionError, MemoryError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says. `length`: of the header itself, in bytes."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    length: int

    @property
    def nbytes(self) -> int:
        """Bytes of the values."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __str__(self) -> str:
        name = "object" if self.dtype.hasobject else str(self.dtype)[:200]
        return f"{name}{list(self.shape)}"


def is_npy(start: bytes) -> bool:
    """Whether a file that starts so is an NPY array."""
    return start.startswith(_MAGIC)


def read_header(read: Callable[[int], bytes]) -> Header:
    """The header at the start of `read`. Raises BadData."""
    from numpy.lib import format as npy

    raw = _raw(read)
    stream = io.BytesIO(raw)
    try:
        version = npy.read_magic(stream)
        if version not in ((1, 0), (2, 0), (3, 0)):
            raise BadData(f"not an NPY array: its format version is {version}")
        header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        with warnings.catch_warnings():
            # numpy warns of headers that Python 2 wrote; it reads them all the same.
            warnings.simplefilter("ignore", UserWarning)
            shape, fortran, dtype = header(stream)
    except _BROKEN as error:
        raise BadData("not an NPY array: its header is damaged") from error
    if any(type(extent) is not int or extent < 0 for extent in shape):
        raise BadData(f"not an NPY array: the shape {list(shape)[:10]}")
    return Header(shape, dtype, fortran, len(raw))


def _raw(read: Callable[[int], bytes]) -> bytes:
    """Magic, version, length and header."""
    start = _exactly(read, 8)
    if len(start) < 8 or not is_npy(start):
        raise BadData("not an NPY array: it does not begin with its mark")
    wide = start[6] >= 2
    raw = _exactly(read, 4 if wide else 2)
    if len(raw) < (4 if wide else 2):
        raise BadData("not an NPY array: it ends within its header")
    length = struct.unpack("<I" if wide else "<H", raw)[0]
    if length > _LONGEST:
        raise BadData(f"not an NPY array: a header of {length} bytes; at most {_LONGEST} are read")
    return start + raw + _exactly(read, length)


def _exactly(read: Callable[[int], bytes], size: int) -> bytes:
    content = b""
    while len(content) < size and (piece := read(size - len(content))):
        content += piece
    return content
