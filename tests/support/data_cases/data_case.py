"""A data case: a small file of a kind that people upload, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Make = Callable[[Path], None]
"""Writes the file."""


@dataclass(frozen=True, slots=True)
class Trains:
    """The file is accepted and trains as it is. None and empty fields are not compared."""

    samples: int
    columns: str = ""
    """Of a table, `name type` apart by ` | `: `*` marks the target, `-` an ignored column.

    `number/integer` allows both types. `… number` at the end stands for all other columns.
    """
    classes: tuple[str, ...] | None = None
    task: str = "tabular-classification"
    target: str | None = None
    """The target of arrays; that of a table is marked in `columns`."""
    image: tuple[int, int, int] | None = None
    """Channels, height and width that pictures are read with."""
    missing: Mapping[str, int] = field(default_factory=dict)
    """Rows without a value, by column."""
    says: tuple[str, ...] = ()
    """Words of the schema's notes and reasons."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The file is refused at upload, in a sentence with these words (upper and lower case alike)."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RefusedInTraining:
    """The file is sound and accepted, but the session that the case asks for cannot use it."""

    words: tuple[str, ...]


Outcome = Trains | Refused | RefusedInTraining


@dataclass(frozen=True, slots=True)
class Ask:
    """A file for the trained model, and what it must predict: the answers, or a refusal."""

    what: str
    filename: str
    make: Make
    expected: list[str] | Refused


@dataclass(frozen=True, slots=True)
class Case:
    """`choices` are the user's corrections of the schema, `training` overrides the configuration."""

    name: str
    what: str
    filename: str
    make: Make
    expected: Outcome
    choices: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    asks: tuple[Ask, ...] = ()

    def write(self, folder: Path) -> Path:
        """Make the file in `folder`."""
        path = folder / self.filename
        self.make(path)
        return path


def text(content: str, encoding: str = "utf-8") -> Make:
    """A file with this text. Line ends stay as they are."""
    return lambda path: None if path.write_bytes(content.encode(encoding)) else None


def content(data: bytes) -> Make:
    """A file with these bytes."""
    return lambda path: None if path.write_bytes(data) else None


def refused(*words: str) -> Refused:
    """A refusal whose sentence has these words."""
    return Refused(words)
