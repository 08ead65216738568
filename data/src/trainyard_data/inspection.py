"""What is in a dataset's file: its schema, or the reason why it cannot be used."""

from __future__ import annotations

from pathlib import Path

from trainyard_api.datasets.choices import SchemaChoices
from trainyard_api.datasets.schema import DatasetSchema
from trainyard_data import arrays, images, tables, texts
from trainyard_data.errors import BadData

NO_CHOICES = SchemaChoices()


def inspect(path: Path, file_format: str, choices: SchemaChoices = NO_CHOICES) -> DatasetSchema:
    """The schema of a file, obeying `choices`.

    A function of the file and the choices: the same file gives the same schema everywhere. Memory
    does not grow with the size of the file. Raises BadData or BadChoice.
    """
    if path.stat().st_size == 0:
        raise BadData("the file is empty")
    match file_format:
        case "images":
            return images.inspect(path, choices)
        case "npz" | "npy":
            return arrays.inspect(path, file_format, choices)
        case "text":
            return texts.inspect(path, choices)
    return tables.inspect(path, file_format, choices)
