"""Tables as columns. All cores parse a file once; later starts map the cached columns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainyard_trainer.data import column_cache
from trainyard_trainer.errors import BadData

NumberColumn = NDArray[np.float64]
"""NaN stands for a missing value."""


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A text column: `values[code]` is a row's text, code -1 a missing one."""

    codes: NDArray[np.int32]
    values: list[str]

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, row: int) -> str | None:
        code = int(self.codes[row])
        return None if code < 0 else self.values[code]

    def missing(self) -> NDArray[np.bool_]:
        """True for each row without text."""
        return self.codes < 0

    def used(self) -> list[str]:
        """The distinct texts, sorted."""
        return sorted(self.values[c] for c in np.unique(self.codes) if c >= 0)

    @classmethod
    def of(cls, texts: list[str]) -> TextColumn:
        """Build a column from a list of texts."""
        values, codes = np.unique(np.array(texts, dtype=object), return_inverse=True)
        return cls(codes.astype(np.int32), [str(v) for v in values])


Column = NumberColumn | TextColumn


def read(path: Path, file_format: str, cache: Path | None = None) -> dict[str, Column]:
    """The columns of a CSV, Parquet or JSONL file.

    `cache`: file for this content only. It is mapped if it exists; else a thread writes it.
    Raises BadData with the position of the error.
    """
    kept = column_cache.load(cache) if cache is not None else None
    if kept is not None:
        return _columns(kept)
    table = _normal(_parse(path, file_format))
    if cache is not None:
        column_cache.keep(table, cache)
    return _columns(table)


def _parse(path: Path, file_format: str) -> Any:
    import pyarrow as pa
    from pyarrow import csv, json, parquet

    try:
        match file_format:
            case "csv":
                table = csv.read_csv(path)
            case "parquet":
                table = parquet.read_table(path)
            case _:
                table = json.read_json(path)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OSError) as error:
        raise BadData(f"{path.name} cannot be read as {file_format}: {error}") from error
    if table.num_rows == 0:
        raise BadData(f"{path.name} has no rows")
    repeated = sorted({n for n in table.column_names if table.column_names.count(n) > 1})
    if repeated:
        raise BadData(f"{path.name} has more than one column called {', '.join(repeated)}")
    return table


def _normal(table: Any) -> Any:
    """Convert to float64 with NaN, or to int32 codes of a dictionary of texts with null."""
    import pyarrow as pa

    columns = [_normal_column(name, table.column(name)) for name in table.column_names]
    return pa.table(dict(zip(table.column_names, columns, strict=True))).combine_chunks()


def _normal_column(name: str, values: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, types = values.type, pa.types
    if types.is_dictionary(kind):
        values = values.cast(kind.value_type)
        kind = values.type
    if types.is_boolean(kind):
        values, kind = values.cast(pa.uint8()), pa.uint8()
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return pc.fill_null(values.cast(pa.float64(), safe=False), float("nan"))
    if types.is_null(kind):
        return pa.chunked_array([pa.array(np.full(len(values), np.nan))])
    if types.is_string(kind) or types.is_large_string(kind):
        texts = values.cast(pa.string())
        return pc.if_else(pc.equal(texts, ""), None, texts).dictionary_encode().unify_dictionaries()
    raise BadData(
        f"column {name!r} holds {kind}, which cannot be a feature",
        hint=f"store {name!r} as numbers or texts",
    )


def _columns(table: Any) -> dict[str, Column]:
    return {name: _column(table.column(name)) for name in table.column_names}


def _column(values: Any) -> Column:
    import pyarrow as pa

    whole = values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.chunk(0)
    if not pa.types.is_dictionary(whole.type):
        numbers: NumberColumn = whole.to_numpy(zero_copy_only=False)
        return numbers
    codes = whole.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return TextColumn(codes.astype(np.int32, copy=False), whole.dictionary.to_pylist())
