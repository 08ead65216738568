"""Datasets and models, and uploads of them."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from trainyard.models.page import Page
from trainyard_api.datasets.schema import DatasetSchema
from trainyard_api.model import OpenModel


class DatasetFile(OpenModel):
    """A registered file: its name, its format, its size and its hash."""

    name: str
    format: str
    sha256: str
    size_bytes: int
    created: str
    file: str = ""
    """Its path on the gateway's volume; it has the ending of the file that was uploaded."""


class Dataset(DatasetFile):
    """A dataset of the registry with its schema."""

    details: DatasetSchema


class SchemaSummary(OpenModel):
    """What a list shows of a schema."""

    samples: int
    dimensions: list[int]
    target: str | None = None
    revision: int = 0


class DatasetEntry(DatasetFile):
    """A dataset of the registry as a list shows it."""

    details: SchemaSummary


class Datasets(Page):
    """All datasets of the registry."""

    datasets: list[DatasetEntry]


class Model(OpenModel):
    """One version of a model."""

    name: str
    version: int
    kind: str = "file"
    """`file` is one safetensors file; `tree` is a folder, or any other file."""
    sha256: str
    size_bytes: int
    files: int = 1
    """Number of files."""
    flags: list[str] = []
    """`pickle`: some of its files run code when Python loads them."""
    created: str
    session_uid: str | None = None
    card: dict[str, Any] = {}
    card_omitted: bool = False
    """Whether a list leaves the card out because it is long; `Client.model` returns it."""


class Models(Page):
    """The newest version of every model, or all versions of one."""

    models: list[Model]


class FileUpload(OpenModel):
    """An upload in parts that is not finished; it can be resumed."""

    id: str
    name: str
    size_bytes: int
    part_bytes: int = Field(ge=1)
    """Size of every part but the last."""
    parts: int = Field(ge=1)
    missing: list[int] = []
    """Numbers of the missing parts, from 1."""


class UploadSummary(OpenModel):
    """An upload in parts that is not complete, in a list; it is removed a week after it began."""

    id: str
    name: str
    """Name of the dataset or model."""
    size_bytes: int
    parts: int
    received: int
    """Number of parts that the gateway has."""
    created: str
    owner: str = ""
    """Name of the key that began it; empty of an older gateway."""


class Uploads(OpenModel):
    """The uploads of datasets, or of models, that are not complete."""

    uploads: list[UploadSummary]
    """Oldest first, at most 100."""


class FilePart(OpenModel):
    """A part that the gateway has."""

    number: int
    sha256: str
