"""A JSON object of names and small values, read in pieces from a text of any length."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

_PIECE = 64 << 10
LONGEST_VALUE = 64 << 10
"""Characters of one value or name."""
LONGEST_STRING = 4 << 20
"""Characters of a string that is kept."""
_SPACE = re.compile(r"[ \t\n\r]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*(?:\\.[^"\\\x00-\x1f]*)*')


class HeaderText:
    """A cursor over the text. Every method raises ValueError for what is no JSON of that form."""

    def __init__(self, read: Callable[[int, int], bytes], length: int) -> None:
        """`read(size, at)` gives bytes; the text ends after `length` of them."""
        self._read, self._length = read, length
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._taken = 0
        self._text, self._at = "", 0
        self._depth = 0
        self._json = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_unique)

    def members(self) -> Iterator[str]:
        """The names of the object that begins here; the caller reads each value."""
        self._expect("{")
        self._depth += 1
        if self._peek() != "}":
            while True:
                name = self.string()
                if name is None:
                    raise ValueError(f"a name of more than {LONGEST_STRING} characters")
                self._expect(":")
                yield name
                if self._peek() != ",":
                    break
                self._expect(",")
        self._expect("}")
        self._depth -= 1
        if not self._depth and self._peek():
            raise ValueError("more than one value in the header")

    def value(self) -> Any:
        """The value that begins here, of at most LONGEST_VALUE characters."""
        self._peek()
        self._fill(LONGEST_VALUE)
        value, end = self._json.raw_decode(self._text, self._at)
        if end - self._at > LONGEST_VALUE:
            raise ValueError(f"a value of more than {LONGEST_VALUE} characters")
        self._at = end
        return value

    def is_null(self) -> bool:
        """Pass `null` if it stands here."""
        if self._peek() != "n":
            return False
        if self.value() is not None:
            raise ValueError("the metadata is neither an object of texts nor null")
        return True

    def string(self) -> str | None:
        """The string that begins here; None for one of more than LONGEST_STRING characters."""
        if self._peek() != '"':
            raise ValueError("a text is needed")
        self._at += 1
        pieces, length = [], 0
        while (piece := self._plain()) or self._text[self._at : self._at + 1] != '"':
            if not piece:
                raise ValueError("a text does not end, or holds a control character")
            length += len(piece)
            if length <= LONGEST_STRING:
                pieces.append(piece)
            else:
                pieces.clear()
        self._at += 1
        if length > LONGEST_STRING:
            return None
        text: str = json.loads(f'"{"".join(pieces)}"')
        text.encode()  # Raises a ValueError for half of a character.
        return text

    def _plain(self) -> str:
        """What stands here of a string, up to its end or that of the piece."""
        self._fill(2)
        began = self._at
        self._at = _after(_PLAIN, self._text, began)
        return self._text[began : self._at]

    def _expect(self, mark: str) -> None:
        if self._peek() != mark:
            raise ValueError(f"the header is no JSON: {mark!r} is missing")
        self._at += 1

    def _peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            self._fill(1)
            self._at = _after(_SPACE, self._text, self._at)
            if self._at < len(self._text) or self._taken >= self._length:
                return self._text[self._at : self._at + 1]

    def _fill(self, count: int) -> None:
        """Have `count` characters ahead, or all that are left."""
        while len(self._text) - self._at < count and self._taken < self._length:
            raw = self._read(min(_PIECE, self._length - self._taken), self._taken)
            if not raw:
                raise ValueError("the file ends within its header")
            self._taken += len(raw)
            more = self._decoder.decode(raw, final=self._taken >= self._length)
            self._text, self._at = self._text[self._at :] + more, 0


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Where what matches the pattern ends: at `at` itself if nothing does."""
    matched = pattern.match(text, at)
    return at if matched is None else matched.end()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice in the header")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
