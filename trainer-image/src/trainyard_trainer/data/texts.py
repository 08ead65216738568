"""Text to learn the next token of: a plain file, or JSON lines with the field `text`."""

from __future__ import annotations

import json
from pathlib import Path

from trainyard_trainer.errors import BadConfiguration, BadData

FIELD = "text"


def read(path: Path, file_format: str) -> bytes:
    """The whole text as UTF-8; the texts of JSON lines are joined by line ends."""
    if file_format == "text":
        return path.read_bytes()
    if file_format == "jsonl":
        return "\n".join(_line(n, line) for n, line in _lines(path)).encode()
    raise BadConfiguration(f"language-modeling needs text or jsonl; the dataset is {file_format}")


def prompts(path: Path, file_format: str) -> list[bytes]:
    """The prompts of a file: one for a plain file, one for each JSON line."""
    if file_format == "text":
        return [path.read_bytes()]
    return [_line(n, line).encode() for n, line in _lines(path)]


def _lines(path: Path) -> list[tuple[int, str]]:
    try:
        content = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadData(f"{path.name}: byte {error.start} is not UTF-8") from error
    return [(n, line) for n, line in enumerate(content.split("\n"), 1) if line.strip()]


def _line(number: int, line: str) -> str:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise BadData(f"row {number} is not JSON: {error}") from error
    text = value.get(FIELD) if isinstance(value, dict) else None
    if not isinstance(text, str):
        raise BadData(f"row {number}, field {FIELD!r}: {text!r} is not a text")
    return text
