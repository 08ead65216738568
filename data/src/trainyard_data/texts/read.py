"""The bytes of a text, and the prompts of a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainyard_data.encodings import UTF8, encoding_of
from trainyard_data.errors import BadData
from trainyard_data.texts.encoding import BOM, as_utf8, check_file

FIELD = "text"
_MOST_NAMES = 10


def read(path: Path, file_format: str) -> bytes:
    """The whole text as UTF-8; the texts of JSON lines are joined by line ends. Raises BadData."""
    if file_format == "text":
        return _text(path)
    return "\n".join(text for _, text in _texts(path)).encode()


def prompts(path: Path, file_format: str) -> list[bytes]:
    """The prompts of a file: one for a plain file, one for each JSON line. Raises BadData."""
    if file_format == "text":
        return [_text(path)]
    return [text.encode() for _, text in _texts(path)]


def _text(path: Path) -> bytes:
    encoding = encoding_of(path)
    if encoding.name == UTF8:
        check_file(path)
    return as_utf8(path, encoding)


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line that is not blank."""
    check_file(path)
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            line = raw.removeprefix(BOM) if number == 1 else raw
            if line.strip():
                yield number, _line(number, line)


def _line(number: int, line: bytes) -> str:
    try:
        value = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadData(f"line {number} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadData(
            f"line {number} is no object: {json.dumps(value)[:80]}; it needs a field {FIELD!r}"
        )
    text = value.get(FIELD)
    if isinstance(text, str):
        return _encodable(number, text)
    if FIELD in value:
        raise BadData(f"line {number}, field {FIELD!r}: {json.dumps(text)[:80]} is not a text")
    raise _no_field(number, value)


def _encodable(number: int, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadData(
            f"line {number}, field {FIELD!r}: half of a character (\\u{ord(text[error.start]):04x})"
        ) from error
    return text


def _no_field(number: int, value: dict[str, Any]) -> BadData:
    names = ", ".join(repr(name[:80]) for name in list(value)[:_MOST_NAMES]) or "none"
    if "messages" in value or "conversations" in value:
        hint = f"it is a chat: write each conversation as one text into the field {FIELD!r}"
    else:
        hint = f"rename the field that holds the text to {FIELD!r}"
    return BadData(f"line {number} has no field {FIELD!r}; its fields are {names}", hint=hint)
