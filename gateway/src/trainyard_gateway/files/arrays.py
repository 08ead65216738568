"""NPY and NPZ: shapes and types of arrays, read from their headers.

Nothing is unpickled, and only headers are unpacked.
"""

from __future__ import annotations

import io
import math
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO

from trainyard_gateway.errors import BadRequest
from trainyard_gateway.files.details import ColumnInfo, DatasetDetails

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 64 << 10
_MOST_ARRAYS = 1000
_BROKEN_ARCHIVE = (
    zipfile.BadZipFile,
    NotImplementedError,  # a way of packing that zipfile does not know
    RuntimeError,  # encrypted
    zlib.error,
    EOFError,
    OSError,
    struct.error,
    ValueError,
)

Array = tuple[tuple[int, ...], str, int]
"""Shape, dtype, bytes of the values."""


def read_npy(path: Path) -> DatasetDetails:
    """Shape and type of the array in an NPY file; only the head is read."""
    with path.open("rb") as file:
        shape, dtype, size = _array(file)
        there = path.stat().st_size - file.tell()
    if there != size:
        raise BadRequest(
            f"the array should have {size} bytes of values, the file has {there}; was it cut off?"
        )
    extents = list(shape) or [1]
    columns = [ColumnInfo(name="data", type=f"{dtype}{extents}")]
    return DatasetDetails(samples=extents[0], dimensions=extents, columns=columns)


def read_npz(path: Path) -> DatasetDetails:
    """Several arrays; the one with most dimensions counts the samples."""
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = _members(archive)
    except _BROKEN_ARCHIVE as error:
        raise BadRequest(f"not a sound NPZ archive: {str(error)[:200]}") from error
    if not arrays:
        raise BadRequest("the NPZ archive holds no arrays")
    largest = max(arrays.values(), key=lambda a: len(a[0]))
    columns = [ColumnInfo(name=n, type=f"{d}{list(s)}") for n, (s, d, _) in arrays.items()]
    shape = list(largest[0]) or [1]
    return DatasetDetails(samples=shape[0], dimensions=shape, columns=columns)


def _members(archive: zipfile.ZipFile) -> dict[str, Array]:
    listed = archive.infolist()
    if len(listed) > _MOST_ARRAYS:
        raise BadRequest(
            f"the archive has {len(listed)} members; at most {_MOST_ARRAYS} are accepted"
        )
    found = {}
    for member in listed:
        with archive.open(member) as file:
            name = member.filename.removesuffix(".npy")
            try:
                shape, dtype, size = _array(file)
            except BadRequest as error:
                raise BadRequest(f"member {member.filename[:80]!r}: {error.detail}") from error
        if member.file_size - _header_bytes(archive, member) != size:
            raise BadRequest(f"member {member.filename[:80]!r}: its size does not fit its shape")
        found[name] = (shape, dtype, size)
    return found


def _header_bytes(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    with archive.open(member) as file:
        return len(_header(file))


def _header(file: IO[bytes]) -> bytes:
    """Magic, version, length and header, bounded before it is read."""
    start = file.read(8)
    if len(start) < 8 or not start.startswith(_MAGIC):
        raise BadRequest("not an NPY array: it does not begin with its mark")
    wide = start[6] >= 2
    raw = file.read(4 if wide else 2)
    if len(raw) < (4 if wide else 2):
        raise BadRequest("not an NPY array: it ends within its header")
    length = struct.unpack("<I" if wide else "<H", raw)[0]
    if length > _LONGEST_HEADER:
        raise BadRequest(f"not an NPY array: a header of {length} bytes")
    return start + raw + file.read(length)


def _array(file: IO[bytes]) -> Array:
    from numpy.lib import format as npy

    header = io.BytesIO(_header(file))
    try:
        version = npy.read_magic(header)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        if version not in ((1, 0), (2, 0), (3, 0)):
            raise ValueError(f"version {version}")
        shape, _, dtype = read(header)
    except (
        ValueError,
        TypeError,
        EOFError,
        SyntaxError,
        tokenize.TokenError,
        OverflowError,
        RecursionError,
        MemoryError,
    ) as error:
        raise BadRequest(f"not an NPY array: {str(error)[:200]}") from error
    if dtype.hasobject:
        raise BadRequest(
            "the array holds Python objects; save numbers or fixed-length texts (dtype is not object)"
        )
    if any(extent < 1 for extent in shape):
        raise BadRequest(f"the array has the shape {list(shape)[:10]}: there is nothing in it")
    return shape, str(dtype)[:200], math.prod(shape) * dtype.itemsize
