r"""Text from outside as one line that shows what it holds.

Names, log lines and messages come from programs and people that this one does not know. Characters
that move a cursor, begin a line, turn the direction of writing or are not drawn at all could forge
what a reader sees. `visible` writes them as escapes, as Python does: `\n`, `\x1b`, `\u202e`.

Guarantees of `visible`:

- The result has one line and no invisible character, and is UTF-8 text.
- What scripts and emoji need stays: a joiner between two characters that join, a selector of an
  emoji's form.
- `visible(visible(text)) == visible(text)`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

_ESCAPED_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_NOT_DRAWN: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff]"
)
"""Characters outside of those categories that are not drawn (Default_Ignorable_Code_Point in
Unicode's data), and the empty Braille pattern."""
_JOINERS: Final = "\u200c\u200d"
_FIRST_JOINED: Final = "\u0600"
"""No script before Arabic joins its characters."""
_EMOJI_FORM: Final = "\ufe0f"
_KEYCAP: Final = "\u20e3"
_SUSPECT: Final = re.compile(r"[^ -~]")
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(text: str) -> str:
    """`text` with each character that is not drawn written as an escape."""
    if text.isascii() and text.isprintable():
        return text
    return _SUSPECT.sub(_shown, text)


def is_visible(text: str) -> bool:
    """Whether `visible` changes nothing, and there is something to see."""
    return visible(text) == text and not (text == "" or text.isspace())


@lru_cache(maxsize=8192)
def checked_name(name: str) -> str:
    """`name`, for a name from outside. Raises ValueError if it would not be seen as it is."""
    if is_visible(name):
        return name
    if name.strip() == "":
        raise ValueError("a name needs a character that is seen")
    raise ValueError(
        f"a name has no line breaks, control characters or invisible characters; this is "
        f"'{visible(name[:140])}'"
    )


def visible_json(document: str) -> str:
    """A JSON document with the same content, without characters that a terminal obeys."""
    if document.isascii():
        return document.replace("\x7f", "\\u007f")
    return _SUSPECT.sub(_shown_in_json, document)


def _shown(match: re.Match[str]) -> str:
    character = match[0]
    if not _is_hidden(match):
        return character
    if character in _SHORT:
        return _SHORT[character]
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _shown_in_json(match: re.Match[str]) -> str:
    character = match[0]
    # Line breaks stand between the tokens of an indented document.
    if character == "\n" or not _is_hidden(match):
        return character
    halves = character.encode("utf-16-be", "surrogatepass")
    numbers = [int.from_bytes(halves[i : i + 2], "big") for i in range(0, len(halves), 2)]
    return "".join(f"\\u{number:04x}" for number in numbers)


def _is_hidden(match: re.Match[str]) -> bool:
    character, text, at = match[0], match.string, match.start()
    if character in _JOINERS:
        return not (_joins(text, at - 1) and _joins(text, at + 1))
    if character == _EMOJI_FORM:
        return not (_category(text, at - 1) == "So" or text[at + 1 : at + 2] == _KEYCAP)
    if unicodedata.category(character) in _ESCAPED_CATEGORIES or _NOT_DRAWN.match(character):
        return True
    # Code points that Unicode promises never to use.
    return 0xFDD0 <= ord(character) <= 0xFDEF or ord(character) & 0xFFFE == 0xFFFE


def _joins(text: str, at: int) -> bool:
    """Whether the character at `at` can be joined to a neighbour."""
    neighbour = text[at : at + 1] if at >= 0 else ""
    if neighbour == _EMOJI_FORM:
        return _category(text, at - 1) == "So"
    if neighbour < _FIRST_JOINED or _NOT_DRAWN.match(neighbour):
        return False
    return _category(text, at)[0] in "LMS"


def _category(text: str, at: int) -> str:
    """The category of the character at `at`; of none, that of a space."""
    return unicodedata.category(text[at]) if 0 <= at < len(text) else "Zs"
