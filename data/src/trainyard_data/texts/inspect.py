"""The schema of a plain text."""

from __future__ import annotations

from pathlib import Path

from trainyard_api.datasets.choices import SchemaChoices
from trainyard_api.datasets.schema import DatasetSchema
from trainyard_data.errors import BadData
from trainyard_data.signatures import LONGEST, kind_of
from trainyard_data.texts.encoding import check_file


def inspect(path: Path, choices: SchemaChoices) -> DatasetSchema:
    """The schema of a text: its bytes are its samples. Raises BadData."""
    with path.open("rb") as file:
        kind = kind_of(file.read(LONGEST))
    if kind is not None and not kind.startswith(("a web page", "an XML", "a UTF-16")):
        raise BadData(f"the file is no text: it is {kind}")
    check_file(path)
    size = path.stat().st_size
    notes = []
    if kind is not None and kind.startswith(("a web page", "an XML")):
        notes.append(f"The text is {kind}: its marks are learned too.")
    return DatasetSchema(samples=size, dimensions=[size], notes=notes, choices=choices)
