"""The schema of a plain text."""

from __future__ import annotations

from pathlib import Path

from trainyard_api.datasets.choices import SchemaChoices
from trainyard_api.datasets.schema import DatasetSchema
from trainyard_data.encodings import UTF8, encoding_of
from trainyard_data.signatures import LONGEST, kind_of
from trainyard_data.texts.encoding import BOM, as_utf8, check_file

_MARKED = ("a web page", "an XML", "an RTF")


def inspect(path: Path, choices: SchemaChoices) -> DatasetSchema:
    """The schema of a text: its bytes are its samples. Raises BadData."""
    with path.open("rb") as file:
        start = file.read(LONGEST)
    encoding = encoding_of(path)
    if encoding.name == UTF8:
        check_file(path)
        size = path.stat().st_size - len(start) + len(start.removeprefix(BOM))
    else:
        size = len(as_utf8(path, encoding))
    kind = kind_of(start) or ""
    marked = kind.startswith(_MARKED)
    notes = [f"The text is {kind}: its marks are learned too."] if marked else []
    notes = [*([encoding.note] if encoding.note else []), *notes]
    return DatasetSchema(samples=size, dimensions=[size], notes=notes, choices=choices)
