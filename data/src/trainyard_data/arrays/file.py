"""The arrays of an NPZ or NPY file: their headers, and their values in pieces or whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trainyard_data.archives import LIMITS, Kind, Limits, is_extra, parts_of, shown
from trainyard_data.archives.broken import sound
from trainyard_data.archives.limits import Budget
from trainyard_data.archives.zip_content import Content, start_of
from trainyard_data.archives.zip_directory import Entry, entries
from trainyard_data.arrays.header import Header, is_npy, read_header
from trainyard_data.errors import BadData
from trainyard_data.signatures import LONGEST, kind_of

LONE = "data"
"""The name of the array of an NPY file."""
MOST_ARRAYS = 1000
_PIECE = 4 << 20
_STORED = 0


@dataclass(frozen=True, slots=True)
class ArrayFile:
    """An open description of a file: headers by name; `others` are members that are no arrays."""

    path: Path
    headers: dict[str, Header]
    others: list[str]
    entries: dict[str, Entry]
    limits: Limits

    def pieces(self, name: str) -> Iterator[NDArray[Any]]:
        """The values in the order of the file, flat, in pieces of about 4 MiB. Raises BadData."""
        header = self.headers[name]
        size = max(1, header.dtype.itemsize)
        per_piece = max(1, _PIECE // size) * size
        with self.path.open("rb") as file, sound(f"the array {name!r}"):
            stream: Any = file
            if (entry := self.entries.get(name)) is not None:
                stream = Content(file, entry, self._budget())
            _exactly(stream, header.length)
            left = header.nbytes
            while left:
                raw = _exactly(stream, min(per_piece, left))
                if len(raw) < min(per_piece, left):
                    raise BadData(f"the array {name!r} ends within its values")
                left -= len(raw)
                yield np.frombuffer(raw, header.dtype)
            stream.read(1)  # Shows the end, so that the checksum is verified.

    def load(self, name: str) -> NDArray[Any]:
        """The whole array: mapped where the file holds it unpacked, else read. Raises BadData."""
        header = self.headers[name]
        order: Literal["F", "C"] = "F" if header.fortran else "C"
        place = self._place(name, header)
        if place is not None and header.nbytes:
            return np.memmap(self.path, header.dtype, "r", place, shape=header.shape, order=order)
        try:
            flat = np.empty(header.nbytes // max(1, header.dtype.itemsize), header.dtype)
        except (MemoryError, ValueError) as error:
            raise BadData(f"the array {name!r} needs {header.nbytes} bytes of memory") from error
        at = 0
        for piece in self.pieces(name):
            flat[at : at + len(piece)] = piece
            at += len(piece)
        return flat.reshape(header.shape, order=order)

    def _place(self, name: str, header: Header) -> int | None:
        """Where the values begin in the file; None if they are packed."""
        entry = self.entries.get(name)
        if entry is None:
            return header.length
        if entry.method != _STORED:
            return None
        with self.path.open("rb") as file:
            return start_of(file, entry) + header.length

    def _budget(self) -> Budget:
        return Budget(self.limits, self.path.stat().st_size)


def open_arrays(path: Path, file_format: str, limits: Limits = LIMITS) -> ArrayFile:
    """The headers of a file. Raises BadData."""
    if file_format == "npy":
        return _npy(path, limits)
    headers: dict[str, Header] = {}
    found: dict[str, Entry] = {}
    others: list[str] = []
    with sound("not a sound NPZ archive"), path.open("rb") as file:
        budget = Budget(limits, path.stat().st_size)
        for entry in _listed(path, budget):
            if len(headers) + len(others) >= MOST_ARRAYS:
                raise BadData(f"the archive has more than {MOST_ARRAYS} members")
            name = entry.name.removesuffix(".npy")
            header = _member(file, entry, budget)
            if header is None:
                others.append(entry.name)
            elif name in headers:
                raise BadData(f"the archive holds the array {name[:80]!r} twice")
            else:
                headers[name], found[name] = header, entry
    if not headers:
        held = f"; it holds {', '.join(map(shown, others[:5]))}" if others else ""
        raise BadData(f"the NPZ archive holds no arrays{held}")
    return ArrayFile(path, headers, others, found, limits)


def _listed(path: Path, budget: Budget) -> Iterator[Entry]:
    for entry in entries(path, budget):
        if entry.kind is Kind.FILE and not is_extra(parts_of(entry.name)):
            yield entry


def _member(file: Any, entry: Entry, budget: Budget) -> Header | None:
    """The header of a member; None if it is no array and does not say so."""
    try:
        stream = Content(file, entry, budget)
        start = stream.read(len(b"\x93NUMPY"))
        if not is_npy(start) and not entry.name.endswith(".npy"):
            return None
        header = read_header(_Prefixed(start, stream).read)
    except BadData as error:
        raise BadData(f"member {shown(entry.name)}: {error}", error.hint) from error
    if entry.size - header.length != header.nbytes and not header.dtype.hasobject:
        raise BadData(
            f"member {shown(entry.name)}: its size does not fit its shape {list(header.shape)[:10]}"
        )
    return header


def _npy(path: Path, limits: Limits) -> ArrayFile:
    with path.open("rb") as file:
        start = file.read(LONGEST)
        if not is_npy(start) and (kind := kind_of(start)):
            raise BadData(f"not an NPY array: the file is {kind}")
        file.seek(0)
        header = read_header(file.read)
        there = path.stat().st_size - header.length
    if there != header.nbytes and not header.dtype.hasobject:
        raise BadData(
            f"the array should have {header.nbytes} bytes of values, the file has {there};"
            " was it cut off?"
        )
    return ArrayFile(path, {LONE: header}, [], {}, limits)


class _Prefixed:
    """A stream whose first bytes were read already."""

    def __init__(self, start: bytes, stream: Content) -> None:
        self._start, self._stream = start, stream

    def read(self, size: int) -> bytes:
        if self._start:
            piece, self._start = self._start[:size], self._start[size:]
            return piece
        return self._stream.read(size) if size else b""


def _exactly(stream: Any, size: int) -> bytes:
    """`size` bytes of the stream, fewer only at its end."""
    pieces = []
    while size and (piece := stream.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
