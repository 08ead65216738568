"""What a session names, as the gateway found it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from trainyard_api.model import OpenModel


class DatasetReference(OpenModel):
    """A dataset that the spec names; the gateway writes it."""

    state: Literal["Found", "NotFound"]
    """Found or NotFound."""
    name: str = Field(max_length=128)
    """Name that was looked up."""
    file: str | None = Field(default=None, max_length=512)
    """Path below the datasets folder."""
    format: str | None = Field(default=None, max_length=32)
    """csv, parquet, npz, npy, jsonl, text or images."""
    sha256: str | None = Field(default=None, max_length=64)
    """Hash of the file."""
    size_bytes: int | None = None
    """Size of the file."""
    samples: int | None = None
    """Number of samples."""
    schema_file: str | None = Field(default=None, alias="schema", max_length=512)
    """Path of the file with its schema, below the datasets folder."""
    schema_revision: int | None = None
    """Revision of the schema: it counts the corrections."""
    problem: str | None = Field(default=None, max_length=1024)
    """Why the session's training does not fit the dataset."""


class CodeReference(OpenModel):
    """The bundle that spec.code names; the gateway writes it."""

    state: Literal["Found", "NotFound"]
    """Found or NotFound."""
    bundle: str = Field(max_length=64)
    """Bundle that was looked up."""


class ResumeReference(OpenModel):
    """The session that spec.resumeFrom names; the gateway writes it."""

    state: Literal["Found", "NotFound"]
    """Found, or NotFound: there is none, or the session's user may not see it."""
    session: str = Field(max_length=63)
    """Name that was looked up."""
    uid: str | None = Field(default=None, max_length=64)
    """UID of the session that may be resumed from."""


class ModelReference(OpenModel):
    """The registered model; the gateway writes it."""

    name: str = Field(max_length=128)
    """Name in the registry."""
    version: int
    """Version in the registry."""
    sha256: str = Field(max_length=64)
    """Hash of the file."""


class OutputReference(OpenModel):
    """A file or folder of the session that is in the registry; the gateway writes it."""

    name: str = Field(max_length=128)
    """Name in the registry."""
    version: int
    """The newest version under that name that the session registered."""
    sha256: str = Field(max_length=64)
    """Hash of the list of its files."""
    files: int | None = None
    """Number of files."""
    size_bytes: int | None = None
    """Bytes of all files."""
    flags: list[Annotated[str, Field(max_length=32)]] | None = Field(default=None, max_length=8)
    """pickle: some of its files run code when Python loads them."""
