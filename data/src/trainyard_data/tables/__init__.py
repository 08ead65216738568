"""Tables: CSV, JSONL and Parquet files as columns.

`inspect` finds the schema of a file. `read` gives the values of the same file, `read_for_model`
those of another file for a model that was trained with the schema.
"""

from trainyard_data.tables.columns import Column, NumberColumn, TextColumn
from trainyard_data.tables.inspect import inspect, sorted_classes
from trainyard_data.tables.read import read, read_for_model

__all__ = [
    "Column", "NumberColumn", "TextColumn", "inspect", "read", "read_for_model", "sorted_classes",
]  # fmt: skip
