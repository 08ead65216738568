"""The schema by which a session reads its dataset: one for all attempts."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from trainyard_api.datasets.schema import DatasetSchema

FILE = "dataset-schema.json"
"""In the run folder."""


@dataclass(frozen=True, slots=True)
class KeptSchema:
    """The copy of the schema in the run folder. `say` writes a line of the log."""

    file: Path
    say: Callable[[str], None]

    def find(self, place: Path | None) -> DatasetSchema | None:
        """The session's copy, else the dataset's schema at `place`; None where there is none.

        Says when the dataset has another one by now, and when it has none.
        """
        kept, current = _read(self.file), _read(place) if place is not None else None
        if kept is None:
            if current is None:
                self.say("the dataset has no schema: its file is inspected now")
            return current
        if current is not None and current.revision != kept.revision:
            self.say(
                f"the dataset's schema has revision {current.revision} by now; this session"
                f" keeps revision {kept.revision}, with which it began"
            )
        return kept

    def keep(self, schema: DatasetSchema) -> None:
        """Copy the schema for later attempts, unless there is a copy."""
        if self.file.exists():
            return
        # Each worker writes the same content.
        temporary = self.file.with_suffix(f".{secrets.token_hex(4)}.tmp")
        with contextlib.suppress(OSError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("w", encoding="utf-8") as file:
                file.write(schema.model_dump_json(by_alias=True, exclude_defaults=True))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.file)


def _read(file: Path) -> DatasetSchema | None:
    try:
        return DatasetSchema.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None
