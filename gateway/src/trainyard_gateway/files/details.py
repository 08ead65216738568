"""What is in a dataset."""

from __future__ import annotations

from trainyard_api.model import OpenModel

MOST_CLASSES = 1000
"""More different values are no classes."""
MOST_COLUMNS = 10_000
LONGEST_LINE = 16 << 20
"""Bytes of one line of a CSV or JSONL file."""


class ColumnInfo(OpenModel):
    """One column or array."""

    name: str
    """Name in the header, or of the array."""
    type: str
    """integer, number, text, boolean, or an array's dtype and shape."""


class DatasetDetails(OpenModel):
    """What is in a dataset."""

    samples: int
    """Rows, images, or bytes of a text."""
    dimensions: list[int]
    """Samples, then the extent of one sample."""
    columns: list[ColumnInfo] = []
    """Columns of a table, arrays of an archive."""
    classes: list[str] | None = None
    """Values of the last column of a CSV when they are few, or the class folders of images."""
