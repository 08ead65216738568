"""In which encoding a text is written: UTF-8, one with a byte order mark, or Windows-1252.

Nothing in a file says that it is Windows-1252, what Excel and Notepad write in western Europe and
America. It is taken for it if it is no UTF-8 and each byte beyond ASCII makes sense so: letters
stand in words, signs beside them. Other old encodings break that rule soon.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

UTF8, UTF16, UTF32, WINDOWS = "utf-8", "utf-16", "utf-32", "windows-1252"
_PIECE = 1 << 20
_LETTER = rb"A-Za-z\x8a\x8c\x8e\x9a\x9c\x9e\x9f\xc0-\xd6\xd8-\xf6\xf8-\xff"
_NONSENSE = re.compile(
    rb"""
    [\x00\x81\x8d\x8f\x90\x9d]                   # no characters
    |[\xd0\xdd\xde\xf0\xfd\xfe\xff]              # Icelandic, or letters of Turkish
    |[\xc2\xc3](?:[\x80-\xbf]|\Z)               # UTF-8 that is mixed with others, or cut off
    |[\xc0-\xff]{3}                              # Cyrillic, Greek, Chinese
    |(?<![%(letter)s])[\xc0-\xff]{2}(?![%(letter)s])
    |[\x8a\x8c\x8e\x9a\x9c\x9e\x9f][\xa1-\xaa\xac-\xbf]
    |[A-Za-z][\x8a\x8c\x8e\x9f\xc0-\xd6\xd8-\xde][a-z]  # a capital within a word
    |[a-z][\x8a\x8c\x8e\x9f]
    |[%(letter)s][\x80\x82-\x84\x86-\x89\x8b\x91\x93-\x95\x98\x99\x9b\xa1-\xac\xae\xaf\xb3\xb4\xb6\xb8-\xbf][%(letter)s]
    |[,;\t\n ][\x94\x9b][A-Za-z]                 # a quote that closes before a word
    """
    % {b"letter": _LETTER},
    re.VERBOSE,
)
_WORDS = re.compile(rb"[%(letter)s]*[\xc0-\xff][%(letter)s]*" % {b"letter": _LETTER})
_SIGNS = re.compile(
    rb"[A-Za-z0-9] ?[\x80\x85\x92\xa0\xb0\xb2\xb5]|[\x80\xa3\xa7\xb1\xb5][ A-Za-z0-9]"
    rb"|[\x96\x97] |[\[(/ ]\xb0[CF]|[\x84\x93\xab][A-Za-z0-9\xa0]"
)
"""Signs that stand as they do in texts of the West."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """The encoding of a text, and of Windows-1252 what shows it."""

    name: str
    line: int = 0
    """The first line with a character beyond ASCII."""
    word: str = ""
    """A word of that line as it is read."""

    @property
    def note(self) -> str | None:
        """What is said about it; None for UTF-8."""
        if self.name == UTF8:
            return None
        if self.name != WINDOWS:
            return f"The file is {self.name.upper()}."
        return (
            f"The file is not UTF-8; it is read as Windows-1252, in which line {self.line} holds"
            f" {self.word!r}. If that looks wrong, save the file as UTF-8."
        )


def by_mark(start: bytes) -> str | None:
    """The encoding that a byte order mark at the start of a file names."""
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return UTF32
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return UTF16
    return UTF8 if start.startswith(codecs.BOM_UTF8) else None


def encoding_of(path: Path) -> Encoding:
    """The encoding of a file. Any other is called UTF-8, so that the reader refuses it."""
    with path.open("rb") as file:
        start = file.read(4)
        marked = by_mark(start)
        if marked in (UTF16, UTF32):
            return Encoding(marked)
        file.seek(0)
        if marked or _is_utf8(iter(lambda: file.read(_PIECE), b"")):
            return Encoding(UTF8)
        file.seek(0)
        return _windows(iter(lambda: file.read(_PIECE), b"")) or Encoding(UTF8)


def decoded(content: bytes, encoding: Encoding) -> bytes:
    """A whole text as UTF-8 without a byte order mark. Raises UnicodeError."""
    if encoding.name == UTF8:
        return content.removeprefix(codecs.BOM_UTF8)
    return content.decode(encoding.name).removeprefix("\ufeff").encode()


def _is_utf8(pieces: Iterable[bytes]) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for piece in pieces:
            if not piece.isascii() or decoder.getstate()[0]:
                decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _windows(pieces: Iterable[bytes]) -> Encoding | None:
    """Windows-1252 with an example, if the text makes sense so."""
    line, example = 1, None
    for content in _whole_lines(pieces):
        if not content.isascii():
            if _NONSENSE.search(content):
                return None
            word = _WORDS.search(content) or _SIGNS.search(content)
            if word is not None and example is None:
                place = line + content.count(b"\n", 0, word.start())
                example = Encoding(WINDOWS, place, word.group()[:40].decode(WINDOWS, "replace"))
        line += content.count(b"\n")
    return example


def _whole_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same text, cut where lines end unless they are longer than a piece."""
    rest = b""
    for piece in pieces:
        content = rest + piece
        cut = content.rfind(b"\n") + 1 or len(content)
        yield content[:cut]
        rest = content[cut:]
    yield rest
