"""The values of a table's columns as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NumberColumn = NDArray[np.float64]
"""Rows of float64; NaN stands for a missing value."""


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


def from_table(table: Any) -> dict[str, Column]:
    """The columns of an Arrow table of float64 and of dictionaries of texts."""
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
