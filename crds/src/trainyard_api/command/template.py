"""Words of a command that stand for a checkpoint. Pure; standard library only.

- `{latest-checkpoint}` is the path of the newest whole checkpoint in the session's run folder.
- `{latest-checkpoint:GLOB}` is the newest of those that match GLOB, relative to the folder in which
  the program starts.
- What stands between `{if-checkpoint}` and `{end}` is there only if every checkpoint that it names
  is found (one that names none needs any); what stands after an `{else}` in it, only if not.

All of them may stand within a word. A word of which nothing is left is left out. Braces around
anything else are the program's own, and `{else}` and `{end}` outside of such a part are as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

ANY: Final = ""
"""The glob of `{latest-checkpoint}`: every checkpoint."""
PLACEHOLDER: Final = r"\{(latest-checkpoint(:[^{}]+)?|if-checkpoint)\}"
NEARLY: Final = r"(?i)\{\s*(latest|if)[-_. ]*checkpoint"
"""What begins as a placeholder; as many must be one."""
DOUBLED: Final = r"\{\{\s*(latest|if)-checkpoint"
SPELLING_MESSAGE: Final = (
    "command holds what is nearly a placeholder: write {latest-checkpoint}, "
    "{latest-checkpoint:out/checkpoint-*} or {if-checkpoint}, with one pair of braces"
)
STRUCTURE_MESSAGE: Final = (
    "command needs {latest-checkpoint} between {if-checkpoint} and {end}, before an {else}, and "
    "these parts do not nest: the first attempt has no checkpoint. Write for example: "
    "{if-checkpoint} --resume {latest-checkpoint} {end}"
)

SPELLING_CEL: Final = (
    "self.command.all(w, !w.contains('{') || (w.findAll(r'" + NEARLY + "').size() == "
    "w.findAll(r'" + PLACEHOLDER + "').size() && !w.matches(r'" + DOUBLED + "')))"
)
"""`is_spelled` for the API server."""
_MARKS: Final = (
    ("{if-checkpoint}", r"\ue001"),
    ("{latest-checkpoint", r"\ue002"),
    ("{else}", r"\ue003"),
    ("{end}", r"\ue004"),
)
"""One character for each token, of those that Unicode gives no meaning."""
_STRUCTURE: Final = (
    r"^[^\ue001\ue002]*(\ue001[^\ue001\ue003\ue004]*(\ue003[^\ue001\ue002\ue003\ue004]*)?\ue004"
    r"[^\ue001\ue002]*)*$"
)
STRUCTURE_CEL: Final = (
    "self.command.join(' ')"
    + "".join(f".replace('{token}', '{mark}')" for token, mark in _MARKS)
    + f".matches('{_STRUCTURE}')"
)
"""`is_structured` for the API server."""

_TOKEN: Final = re.compile(r"\{(?:latest-checkpoint(?::([^{}]+))?|if-checkpoint|else|end)\}")
_PLACEHOLDER: Final = re.compile(PLACEHOLDER)
_NEARLY: Final = re.compile(NEARLY)
_DOUBLED: Final = re.compile(DOUBLED)


class _Piece(NamedTuple):
    """A text, or a checkpoint (`glob`), of one word."""

    word: int
    text: str = ""
    glob: str | None = None
    part: int = 0
    """Number of the part that it stands in, from 1; 0 outside of all."""
    otherwise: bool = False
    """Whether it stands after the part's `{else}`."""


def is_spelled(words: Sequence[str]) -> bool:
    """Whether what looks like a placeholder is one."""
    return not any(
        len(_NEARLY.findall(word)) != len(_PLACEHOLDER.findall(word)) or _DOUBLED.search(word)
        for word in words
    )


def is_structured(words: Sequence[str]) -> bool:
    """Whether each part ends, none nests, and checkpoints are named in parts before an `{else}`."""
    text = " ".join(words)
    for token, mark in _MARKS:
        text = text.replace(token, chr(int(mark[2:], 16)))
    return re.match(_STRUCTURE, text) is not None


def globs(words: Sequence[str]) -> tuple[str, ...]:
    """The globs of the checkpoints that a command needs, ANY among them; () for a plain command.

    Raises ValueError for a command whose parts do not end, or nest.
    """
    needed = _needed(_pieces(words))
    return tuple(sorted(set().union(*needed.values())))


def filled(words: Sequence[str], found: Mapping[str, str | None]) -> list[str]:
    """The command's words with the paths of `found`, by glob; None or no key: there is none.

    Raises ValueError for a command whose parts do not end, or nest.
    """
    pieces = _pieces(words)
    stands = {part: all(found.get(g) for g in named) for part, named in _needed(pieces).items()}
    out: dict[int, str] = {}
    for piece in pieces:
        if not piece.part or stands[piece.part] != piece.otherwise:
            text = piece.text if piece.glob is None else found.get(piece.glob) or ""
            out[piece.word] = out.get(piece.word, "") + text
    return [out[word] for word in sorted(out)]


def _needed(pieces: Sequence[_Piece]) -> dict[int, set[str]]:
    """The globs that each part needs; for 0 those that stand outside of all."""
    named: dict[int, set[str]] = {}
    for piece in pieces:
        of_part = named.setdefault(piece.part, set())
        if piece.glob is not None:
            of_part.add(piece.glob)
    return {part: globs or ({ANY} if part else set()) for part, globs in named.items()}


class _Place:
    """Where in the parts of a command the next piece stands."""

    def __init__(self) -> None:
        self.part = self.last = 0
        self.otherwise = False

    def takes(self, mark: str) -> bool:
        """Whether a mark begins, turns or ends a part. Raises ValueError if it must not."""
        if mark == "{if-checkpoint}":
            if self.part:
                raise ValueError("{if-checkpoint} stands within another one")
            self.part = self.last = self.last + 1
            self.otherwise = False
        elif self.part and mark == "{end}":
            self.part = 0
        elif self.part and mark == "{else}":
            if self.otherwise:
                raise ValueError("{if-checkpoint} has two {else}")
            self.otherwise = True
        else:
            return False
        return True


def _pieces(words: Sequence[str]) -> list[_Piece]:
    """What the words are made of. Raises ValueError for parts that do not end, or nest."""
    out: list[_Piece] = []
    place = _Place()
    for number, word in enumerate(words):
        for text, token, glob in _split(word):
            if not place.takes(token):
                inside = place.part != 0
                out.append(_Piece(number, text, glob, place.part, place.otherwise and inside))
    if place.part:
        raise ValueError("{if-checkpoint} has no {end}")
    return out


def _split(word: str) -> Iterator[tuple[str, str, str | None]]:
    """Text, token and glob of each piece of a word; a token that names no checkpoint has none."""
    at = 0
    for match in _TOKEN.finditer(word):
        if match.start() > at:
            yield word[at : match.start()], "", None
        token = match.group()
        named = token.startswith("{latest-checkpoint")
        yield token, token, (match.group(1) or ANY) if named else None
        at = match.end()
    if at < len(word) or not word:
        yield word[at:], "", None
