"""Datasets as the API shows them, and what an upload asks for. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trainyard_api.datasets.choices import SchemaChoices
from trainyard_api.datasets.schema import DatasetSchema
from trainyard_api.model import OpenModel
from trainyard_api.rights.owner import Owner
from trainyard_gateway.registry.dataset_schema import SchemaSummary, schema_of
from trainyard_gateway.store.registry.datasets import DatasetRow, schema_file


class DatasetFile(OpenModel):
    """A registered file."""

    name: str
    format: str
    """csv, parquet, npz, npy, jsonl, text or images."""
    sha256: str
    size_bytes: int
    created: str
    file: str
    """Path below the datasets folder."""


class DatasetInfo(DatasetFile):
    """A registered dataset."""

    details: DatasetSchema
    """What is in the file and how it is read."""
    schema_file: str | None = None
    """Path of `details` below the datasets folder; absent while revision is 0."""


class DatasetEntry(DatasetFile):
    """A registered dataset as a list shows it."""

    details: SchemaSummary
    """A part of what is in the file; GET /datasets/{name} returns all of it."""


@dataclass(frozen=True, slots=True)
class Upload:
    """What was asked of an upload besides its bytes."""

    name: str
    filename: str
    declared: int | None
    choices: SchemaChoices = SchemaChoices()
    owner: Owner = Owner()
    """Whose the dataset will be, if it is new."""


def info_of(row: DatasetRow) -> DatasetInfo:
    """A dataset with its schema."""
    schema = schema_of(row.details)
    file = schema_file(row.file, row.details, schema.revision)
    return DatasetInfo(
        **_file(row), details=schema, schema_file=file.path if file is not None else None
    )


def entry_of(row: DatasetRow) -> DatasetEntry:
    """A dataset as a list shows it."""
    return DatasetEntry(**_file(row), details=SchemaSummary.model_validate_json(row.summary))


def _file(row: DatasetRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in DatasetFile.model_fields}


def entity_tag(schema: DatasetSchema) -> str:
    """The entity tag of a schema, for `If-Match`."""
    return f'"{schema.revision}"'
