"""Parquet files as parts of rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from trainyard_api.datasets.choices import MAX_COLUMNS
from trainyard_data.errors import BadData
from trainyard_data.tables.files.source import Batch, Part

ROWS = 65_536
"""Rows of a part."""


class ParquetTable:
    """A Parquet file. Only the wanted columns are read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.remarks: Sequence[str] = ()
        with _explained(), self._open() as file:
            self.names: list[str] = list(file.schema_arrow.names)
            self.rows: int = file.metadata.num_rows
            self.unused: Mapping[str, str] = dict.fromkeys(
                _pandas_index(file.schema_arrow, self.names), "it is the index of a DataFrame"
            )
            self.categories = _dictionaries(file.schema_arrow)
        if len(self.names) > MAX_COLUMNS:
            raise BadData(f"{len(self.names)} columns; at most {MAX_COLUMNS} are accepted")
        repeated = sorted(name for name, times in Counter(self.names).items() if times > 1)
        if repeated:
            raise BadData(f"the column name {', '.join(map(repr, repeated))} occurs twice")

    def _open(self) -> Any:
        from pyarrow import parquet

        return parquet.ParquetFile(
            self._path, thrift_string_size_limit=64 << 20, thrift_container_size_limit=1 << 20
        )

    def parts(self, wanted: Collection[str] | None) -> Iterator[Part]:
        """All rows in order."""
        only = set(self.names if wanted is None else wanted)
        chosen = [n for n in self.names if n in only]
        with _explained(), self._open() as file:
            for batch in file.iter_batches(ROWS, columns=chosen):
                columns = {n: batch.column(n) for n in chosen}
                yield partial(Batch, batch.num_rows, columns)

    def order(self, names: Collection[str]) -> list[str]:
        """The columns in the order of the file."""
        return [n for n in self.names if n in names]

    def place(self, row: int) -> str:
        """The row (from 0) for a person."""
        return f"row {row + 1}"


def _dictionaries(schema: Any) -> frozenset[str]:
    import pyarrow as pa

    return frozenset(field.name for field in schema if pa.types.is_dictionary(field.type))


def _pandas_index(schema: Any, names: list[str]) -> list[str]:
    """The columns that hold the index of a pandas DataFrame."""
    stored = schema.pandas_metadata or {}
    listed = [c for c in stored.get("index_columns", []) if isinstance(c, str)]
    return [n for n in names if n in listed or n.startswith("__index_level_")]


@contextmanager
def _explained() -> Iterator[None]:
    """Raises BadData for what pyarrow raises."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError, ValueError) as error:
        raise BadData(f"not a Parquet file: {str(error)[:200]}") from error
