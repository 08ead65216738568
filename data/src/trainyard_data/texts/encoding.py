"""A text as UTF-8, and what its bytes seem to be where they are none."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from pathlib import Path

from trainyard_data.encodings import Encoding, decoded
from trainyard_data.errors import BadData
from trainyard_data.signatures import LONGEST, kind_of

BOM = codecs.BOM_UTF8
_PIECE = 1 << 20


def as_utf8(path: Path, encoding: Encoding) -> bytes:
    """The whole text as UTF-8 without a byte order mark. Raises BadData."""
    try:
        content = decoded(path.read_bytes(), encoding)
    except UnicodeError as error:
        raise BadData(f"the text is no sound {encoding.name.upper()}: {error}") from error
    if b"\0" in content[:LONGEST]:
        raise BadData("the file is no text: it holds zeros", hint="upload plain text, in UTF-8")
    return content


def check_file(path: Path) -> None:
    """`check` for a file, in pieces."""
    with path.open("rb") as file:
        check(iter(lambda: file.read(_PIECE), b""))


def check(pieces: Iterable[bytes]) -> None:
    """Raise BadData for the first byte that is not UTF-8, with its line and the likely cause."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    place, line, start = 0, 1, b""
    for piece in pieces:
        if not start:
            start = piece[:LONGEST]
            _refuse_binary(start)
        try:
            decoder.decode(piece)
        except UnicodeDecodeError as error:
            # The decoder may hold the first bytes of a character from the piece before.
            held = len(error.object) - len(piece)
            at = error.start - held
            line += piece.count(b"\n", 0, max(at, 0))
            raise _not_utf8(place + at, line, start, error.object[error.start :][:1]) from error
        place += len(piece)
        line += piece.count(b"\n")
    if decoder.getstate()[0]:
        raise BadData(
            f"line {line}: the text ends within a character of UTF-8",
            hint="was the file cut off, or is it Latin-1?",
        )


def _refuse_binary(start: bytes) -> None:
    """Raise BadData for a file whose first bytes are those of another kind, or hold zeros."""
    if b"\0" in start:
        kind = kind_of(start)
        if kind is None and b"\0\0" in (start[0:3:2], start[1:4:2]):
            raise BadData(
                "the text seems to be UTF-16 without a byte order mark",
                hint="save it as UTF-8: iconv -f UTF-16 -t UTF-8",
            )
        raise BadData(
            f"the file is no text: {f'it is {kind}' if kind else 'its first bytes hold zeros'}",
            hint="upload plain text, in UTF-8",
        )


def _not_utf8(place: int, line: int, start: bytes, wrong: bytes) -> BadData:
    if kind := kind_of(start):
        return BadData(f"the file is no text: it is {kind}", hint="upload plain text, in UTF-8")
    return BadData(
        f"line {line}: byte {place + 1} of the file (0x{wrong.hex()}) is not UTF-8",
        hint="if it is Latin-1 or Windows-1252: iconv -f WINDOWS-1252 -t UTF-8",
    )
