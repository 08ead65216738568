"""Whether a file is whole, by its structure, without reading its values and without unpickling.

A file that was cut off by a kill or a full disk lacks its end, and formats say where that is.
"""

from __future__ import annotations

import json
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from trainyard_supervisor.resume.candidates import TAG

MOST_READ = 64 << 20
"""Bytes that are read of all files together."""
SECONDS = 20.0
_HEADER = 16 << 20
_TAIL = 64 << 10
_TOO_SHORT = "is cut off"
_ZIP_END = b"PK\x05\x06"
_ZIP64_END, _ZIP64_LOCATOR = b"PK\x06\x06", b"PK\x06\x07"
_ZIP_ENTRY, _ZIP_FILE = b"PK\x01\x02", b"PK\x03\x04"
_MOST_ENTRIES = 4096
_LEGACY_TORCH = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"


class Structure:
    """Looks at files below `root`, up to a number of bytes and seconds."""

    def __init__(
        self, root: Path, clock: Callable[[], float] = time.monotonic, most_read: int = MOST_READ
    ) -> None:
        self._root, self._clock = root, clock
        self._until, self._left = clock() + SECONDS, most_read
        self.unchecked = 0
        """Files that were not looked at, because the limits were reached."""

    def damage(self, path: str) -> str | None:
        """What is wrong with a file, as the end of a sentence that begins with its name."""
        if self._left <= 0 or self._clock() > self._until:
            self.unchecked += 1
            return None
        try:
            with (self._root / path).open("rb") as file:
                return self._of(path, file, os.fstat(file.fileno()).st_size)
        except FileNotFoundError:
            return "has vanished"
        except OSError as error:
            return f"cannot be read ({error.strerror})"
        except (ValueError, struct.error, RecursionError, TypeError, KeyError, AttributeError):
            return "has no whole structure"

    def _of(self, path: str, file: BinaryIO, size: int) -> str | None:
        name = path.rpartition("/")[2]
        if not size:
            return "is empty"
        if name.endswith(".index.json"):
            return self._shards(path, file)
        if name == TAG:
            return self._tagged(path, file)
        first = self._read(file, 0, 16)
        if name.endswith(".safetensors"):
            return self._safetensors(file, size)
        if name.endswith(".json"):
            return self._json(file, size)
        if first.startswith(_ZIP_FILE):
            return self._zip(file, size)
        if not first.strip(b"\0"):
            return "holds nothing but zeros"
        return self._by_signature(name, first, file, size)

    def _by_signature(self, name: str, first: bytes, file: BinaryIO, size: int) -> str | None:
        last = self._read(file, max(0, size - _TAIL), _TAIL)
        if first.startswith(b"\x89HDF"):
            return self._hdf5(file, size)
        if first.startswith(b"CBM1"):
            return None if size >= 8 + struct.unpack("<I", first[4:8])[0] else _TOO_SHORT
        if name.endswith((".keras", ".npz", ".zip")):
            return "is no zip archive"
        if name.endswith(".ubj"):
            return None if first.startswith(b"{") and last.endswith(b"}") else _TOO_SHORT
        if name.endswith(".txt"):
            whole = b"end of trees" in last or b"end of parameters" in last
            return None if whole or not first.startswith(b"tree") else _TOO_SHORT
        if first.startswith(b"\x80") and _LEGACY_TORCH not in first:
            # A pickle ends with its STOP.
            return None if last.endswith(b".") else _TOO_SHORT
        return None

    def _read(self, file: BinaryIO, at: int, most: int) -> bytes:
        file.seek(at)
        found = file.read(min(most, max(0, self._left)))
        self._left -= len(found)
        return found

    def _json(self, file: BinaryIO, size: int) -> str | None:
        if size > _HEADER:
            return None if self._read(file, size - 64, 64).rstrip().endswith(b"}") else _TOO_SHORT
        return None if isinstance(self._loaded(file), dict) else "is no JSON object"

    def _loaded(self, file: BinaryIO) -> Any:
        return json.loads(self._read(file, 0, _HEADER))

    def _safetensors(self, file: BinaryIO, size: int) -> str | None:
        (length,) = struct.unpack("<Q", self._read(file, 0, 8))
        if 8 + length > size:
            return _TOO_SHORT
        if length > _HEADER:
            return None
        header = json.loads(self._read(file, 8, length))
        ends = [t["data_offsets"][1] for n, t in header.items() if n != "__metadata__"]
        wanted = 8 + length + max(ends, default=0)
        return None if size == wanted else f"has {size} bytes instead of {wanted}"

    def _zip(self, file: BinaryIO, size: int) -> str | None:
        tail_at = max(0, size - _TAIL - 22)
        tail = self._read(file, tail_at, _TAIL + 22)
        found = tail.rfind(_ZIP_END)
        if found < 0 or len(tail) < found + 22:
            return _TOO_SHORT
        count, length, start = struct.unpack("<10xHII2x", tail[found : found + 22])
        end = tail_at + found
        locator = tail[found - 20 : found] if found >= 20 else b""
        if locator.startswith(_ZIP64_LOCATOR):
            (end,) = struct.unpack("<8xQ4x", locator)
            record = self._read(file, end, 56)
            if not record.startswith(_ZIP64_END):
                return _TOO_SHORT
            count, length, start = struct.unpack("<32xQQQ", record)
        if start + length != end:
            return "has a directory that does not fit its size"
        return self._zip_entries(file, start, min(length, _HEADER), min(count, _MOST_ENTRIES))

    def _zip_entries(self, file: BinaryIO, start: int, length: int, count: int) -> str | None:
        """Each entry of the directory leads to the file that it names."""
        directory, at = self._read(file, start, length), 0
        for _ in range(count):
            if at + 46 > len(directory):
                return None if len(directory) < length or length == _HEADER else _TOO_SHORT
            if directory[at : at + 4] != _ZIP_ENTRY:
                return "has a damaged directory"
            names = struct.unpack("<28xHHH8xI", directory[at : at + 46])
            offset = names[3]
            if offset != 0xFFFFFFFF and self._read(file, offset, 4) != _ZIP_FILE:
                return "has parts that were not written"
            at += 46 + sum(names[:3])
        return None

    def _hdf5(self, file: BinaryIO, size: int) -> str | None:
        head = self._read(file, 0, 64)
        place = 40 if head[8] < 2 else 28
        width = head[13] if head[8] < 2 else head[9]
        if width != 8:
            return None
        (end,) = struct.unpack("<Q", head[place : place + 8])
        return None if size >= end else _TOO_SHORT

    def _shards(self, path: str, file: BinaryIO) -> str | None:
        folder = (self._root / path).parent
        for shard in sorted(set(self._loaded(file)["weight_map"].values()))[:10_000]:
            place = folder / str(shard)
            if "/" in str(shard) or not place.is_file() or not place.stat().st_size:
                return f"names {str(shard)[:100]}, which is not there"
        return None

    def _tagged(self, path: str, file: BinaryIO) -> str | None:
        tag = self._read(file, 0, 256).decode("utf-8", "replace").strip()
        inside = tag and "/" not in tag and tag not in (".", "..")
        folder = (self._root / path).parent / tag
        return None if inside and folder.is_dir() else f"names {tag[:100]!r}, which is not there"
