"""Whether bytes are UTF-8, and what they seem to be where they are not."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from pathlib import Path

from trainyard_data.errors import BadData
from trainyard_data.signatures import LONGEST, kind_of

BOM = codecs.BOM_UTF8
_PIECE = 1 << 20
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


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
    if start.startswith(_UTF16):
        raise BadData(
            "the text is UTF-16, not UTF-8", hint="save it as UTF-8: iconv -f UTF-16 -t UTF-8"
        )
    if b"\0" in start:
        kind = kind_of(start)
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
