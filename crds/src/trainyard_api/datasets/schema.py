"""The schema of a dataset: what is in its file and how it is read.

`trainyard_data` finds it once, when the dataset is uploaded. The gateway stores and shows it,
training and prediction obey it. A user corrects it by `SchemaChoices`.
"""

from __future__ import annotations

from enum import StrEnum

from trainyard_api.datasets.choices import SchemaChoices
from trainyard_api.model import OpenModel


class ColumnRole(StrEnum):
    """What a column is used for where the session's configuration does not say otherwise."""

    FEATURE = "feature"
    TARGET = "target"
    IGNORED = "ignored"


class NumberFormat(OpenModel):
    """How the numbers of a text column are written."""

    decimal: str = "."
    """The decimal mark."""
    grouping: str | None = None
    """What separates groups of three digits; a space stands for all spaces and apostrophes."""
    sign: str | None = None
    """What stands at each number and has no meaning, such as % or $."""


class ColumnSchema(OpenModel):
    """One column of a table, or one array of an archive."""

    name: str
    type: str
    """A `ColumnType`; of an array its dtype and shape."""
    role: str | None = None
    """A `ColumnRole`."""
    numbers: NumberFormat | None = None
    """How its numbers are written; None: with a decimal point and nothing else."""
    missing: int | None = None
    """Rows without a value."""
    missing_values: list[str] = []
    """The texts that stand for a missing value, beside an empty field. Of numbers: those seen."""
    distinct: int | None = None
    """Number of different values; None where they were not counted, or are more than 1,000."""
    reason: str | None = None
    """Why it has its type or role, where that is a guess."""


class TableDialect(OpenModel):
    """How a CSV file is written."""

    delimiter: str = ","
    quote: str = '"'
    decimal: str = "."
    header: bool = True
    skip_lines: int = 0
    """Lines before the header that hold no data, such as `sep=;`."""
    encoding: str = "utf-8"


class ImageSchema(OpenModel):
    """How images of an archive become arrays."""

    channels: int
    height: int
    width: int
    scaled: int = 0
    """Images whose own size differs."""
    class_folder: str = "last-folder"
    """Which folder of a path names the class: first-folder (below a common root) or last-folder."""
    splits: dict[str, int] | None = None
    """Images of `train` and `validation` (and `test`), if the archive has folders for them."""
    root: str = ""
    """Folders above those of the classes, separated by `/`."""
    split_folder: str | None = None
    """Where the folders of the splits stand: above or below the class's folder."""
    value_range: tuple[float, float] | None = None
    """Values of images of more than 8 bits that become 0 and 255."""
    channel_axis: str | None = None
    """npz, npy: first (N×C×H×W) or last (N×H×W×C); None where the arrays have no such axis."""


class DatasetSchema(OpenModel):
    """What is in a dataset and how it is read."""

    samples: int
    """Rows, images, or bytes of a text."""
    dimensions: list[int]
    """Samples, then the extent of one sample."""
    columns: list[ColumnSchema] = []
    """Columns of a table, arrays of an archive."""
    target: str | None = None
    """The column or array that is predicted where a session names none."""
    target_reason: str | None = None
    """Why this one."""
    classes: list[str] | None = None
    """The values of the target as they are written, if they are at most 1,000."""
    inputs: str | None = None
    """npz: the array of the samples."""
    dialect: TableDialect | None = None
    """csv."""
    images: ImageSchema | None = None
    """images, and arrays that can be images."""
    notes: list[str] = []
    """What was guessed, left out or changed, each a sentence."""
    choices: SchemaChoices = SchemaChoices()
    """What a user decided."""
    revision: int = 1
    """Counts the user's corrections."""
