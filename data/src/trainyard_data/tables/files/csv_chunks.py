"""A CSV file in pieces that end where a row ends, with a bound on the length of a row."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import numpy as np

from trainyard_data.encodings import UTF16, UTF32, by_mark
from trainyard_data.errors import BadData
from trainyard_data.signatures import kind_beside_text

LONGEST_ROW = 16 << 20
"""Bytes."""
PIECE_BYTES = 2 << 20
_BOM = codecs.BOM_UTF8


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole rows, and the number of their first line."""

    content: bytes
    line: int


_JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\[\s*)?\{\s*[\"}]")


def refuse_foreign(start: bytes) -> None:
    """Raises BadData naming the kind of a file that is no CSV. `start`: its first bytes."""
    if by_mark(start) in (UTF16, UTF32):
        return
    kind = kind_beside_text(start)
    if start.startswith(b"PK\x03\x04") and (b"xl/" in start or b"[Content_Types].xml" in start):
        kind = "an Excel workbook"
    elif kind is None and _JSON.match(start):
        kind = "a JSON document"
    elif kind is None and start[:4].count(b"\0") >= 2:
        kind = "a UTF-16 text without a byte order mark"
    if kind is not None:
        raise BadData(f"the file is {kind}, not CSV", hint="save the table as CSV in UTF-8")


class Utf8Blocks:
    """A file as blocks of UTF-8 without a byte order mark. UTF-8 itself is not decoded."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file, self._name = file, encoding
        self._decoder = (
            None if encoding == "utf-8" else codecs.getincrementaldecoder(encoding)("strict")
        )
        self._first = True

    def read(self, size: int) -> bytes:
        """The next block; empty at the end. Raises BadData."""
        while True:
            block = self._file.read(size)
            content = self._utf8(block)
            if content or not block:
                return content

    def _utf8(self, block: bytes) -> bytes:
        if self._decoder is None:
            content = block
        else:
            try:
                content = self._decoder.decode(block, final=not block).encode()
            except UnicodeError as error:
                raise BadData(f"the file is no sound {self._name.upper()}: {error}") from error
        if self._first and content:
            self._first = False
            return content.removeprefix(_BOM)
        return content


def chunks(
    path: Path, encoding: str, delimiter: str, quote: str, skip_lines: int, size: int = PIECE_BYTES
) -> Iterator[Chunk]:
    """The rows of a file after `skip_lines` lines."""
    with path.open("rb") as file:
        blocks = Utf8Blocks(file, encoding)
        rest, line = _skipped(blocks, skip_lines), skip_lines + 1
        mark = quote.encode()
        while True:
            block = blocks.read(size)
            # A block without a quote is cut before it is joined, which copies it once.
            if block and mark not in block and mark not in rest and (cut := block.rfind(b"\n") + 1):
                chunk = Chunk(b"".join((rest, memoryview(block)[:cut])), line)
                yield chunk
                line += chunk.content.count(b"\n")
                rest = block[cut:]
                continue
            content = rest + block
            cut = row_end(content, delimiter, quote) if block else len(content)
            if block and not cut:
                if len(content) > LONGEST_ROW:
                    raise BadData(
                        f"line {line}: the row is longer than {LONGEST_ROW >> 20} MiB",
                        hint="is a quote opened there and never closed?",
                    )
                rest = content
                continue
            if not block:
                _refuse_open_quote(content, line, delimiter, quote)
            if cut:
                yield Chunk(content[:cut], line)
                line += content.count(b"\n", 0, cut)
            rest = content[cut:]
            if not block:
                return


def _refuse_open_quote(content: bytes, line: int, delimiter: str, quote: str) -> None:
    """Raises BadData if the file ends within a quoted value."""
    for field in _quoted(delimiter, quote).finditer(content):
        if field.group(1) is None:
            number = line + content.count(b"\n", 0, field.start())
            raise BadData(
                f"line {number}: a quote ({quote}) is opened and never closed",
                hint="write a quote within a quoted value twice",
            )


def _skipped(blocks: Utf8Blocks, lines: int) -> bytes:
    rest = b""
    while lines:
        block = blocks.read(PIECE_BYTES)
        rest += block
        while lines and b"\n" in rest:
            rest = rest.split(b"\n", 1)[1]
            lines -= 1
        if not block:
            break
    return rest


def row_end(content: bytes, delimiter: str, quote: str) -> int:
    """Where the last whole row ends. `content` begins with a row; 0 if no row ends in it."""
    mark = quote.encode()
    if mark not in content:
        return content.rfind(b"\n") + 1
    values = np.frombuffer(content, np.uint8)
    quotes = np.flatnonzero(values == mark[0])
    if _stray(values, quotes, delimiter):
        return _end_by_fields(content, delimiter, quote)
    newlines = np.flatnonzero(values == 10)
    outside = newlines[np.searchsorted(quotes, newlines) % 2 == 0]
    return int(outside[-1]) + 1 if len(outside) else 0


def _stray(values: np.ndarray, quotes: np.ndarray, delimiter: str) -> bool:
    """Whether a quote stands within a field, so that counting quotes says nothing."""
    borders = np.zeros(256, bool)
    borders[[10, 13, ord(delimiter), int(values[quotes[0]])]] = True
    before = borders[values[np.maximum(quotes - 1, 0)]] | (quotes == 0)
    last = len(values) - 1
    after = borders[values[np.minimum(quotes + 1, last)]] | (quotes == last)
    return bool((~before & ~after).any())


@lru_cache(8)
def _quoted(delimiter: str, quote: str) -> re.Pattern[bytes]:
    d, q = re.escape(delimiter.encode()), quote.encode()
    return re.compile(rb"(?<![^%s\r\n])%s[^%s]*+(?:%s%s[^%s]*+)*+(%s)?" % (d, q, q, q, q, q, q))


def _end_by_fields(content: bytes, delimiter: str, quote: str) -> int:
    """As `row_end`: quotes count only where a field begins, as for a reader."""
    end = at = 0
    for field in _quoted(delimiter, quote).finditer(content):
        newline = content.rfind(b"\n", at, field.start())
        if newline >= 0:
            end = newline + 1
        if field.group(1) is None:
            return end
        at = field.end()
    return max(end, content.rfind(b"\n", at) + 1)
