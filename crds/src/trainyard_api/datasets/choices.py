"""What a user decides about the reading of a dataset, instead of the reader."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from trainyard_api.model import ClosedModel

MAX_COLUMNS = 10_000
MAX_CLASSES = 1000
FEW_CLASSES = 100
"""Classes that any dataset may have; of more, each needs two samples on average."""
MAX_CATEGORIES = 64
"""A text column with more different values is an identifier or free text, no category."""
MAX_SIDE = 4096

Side = Annotated[int, Field(ge=1, le=MAX_SIDE)]
ColumnName = Annotated[str, Field(max_length=1024)]


class ColumnType(StrEnum):
    """What the values of a column are."""

    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TEXT = "text"
    DATE = "date"
    TIMESTAMP = "timestamp"
    OTHER = "other"
    """Lists, objects, binary values, durations: only of use if the column is ignored."""


class SchemaChoices(ClosedModel):
    """What a user decided instead of the reader. Absent fields are guessed."""

    target: ColumnName | None = None
    """The column or array to predict."""
    ignore: list[ColumnName] = Field(default=[], max_length=MAX_COLUMNS)
    """Columns that are not used."""
    types: dict[ColumnName, ColumnType] = Field(default={}, max_length=MAX_COLUMNS)
    """Types of columns, by name."""
    missing: list[Annotated[str, Field(max_length=64)]] | None = Field(default=None, max_length=64)
    """Texts of a table that stand for a missing value, beside an empty field. An empty list: none
    in columns of texts, and those that are known beside numbers."""
    delimiter: Literal[",", ";", "\t", "|"] | None = None
    """csv: what separates the values."""
    decimal: Literal[".", ","] | None = None
    """csv: the decimal mark of numbers."""
    header: bool | None = None
    """csv: whether the first line names the columns."""
    image_size: tuple[Side, Side] | None = None
    """images: height and width that all images are scaled to, each 1 to 4096 pixels."""
    image_class: Literal["first-folder", "last-folder"] | None = None
    """images: which folder of a path names the class."""
    channel_axis: Literal["first", "last"] | None = None
    """npz, npy: which axis of N×A×B×C holds the channels of images."""
