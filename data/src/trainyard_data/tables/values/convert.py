"""Arrow arrays of one column, of any type, as numbers or as texts."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainyard_api.datasets.choices import ColumnType
from trainyard_api.datasets.schema import NumberFormat
from trainyard_data.tables.values.bad_cell import BadCell
from trainyard_data.tables.values.column_types import plain_number
from trainyard_data.tables.values.forms import KNOWN_MISSING, Kind, form_of

LARGEST = float(np.finfo(np.float32).max)
"""Largest number that a model can take."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How the values of a column are read."""

    type: ColumnType
    numbers: NumberFormat = NumberFormat()
    missing: Collection[str] | None = None
    """Texts of a missing value beside an empty one; None: those that are known."""

    @property
    def is_plain(self) -> bool:
        """Whether Arrow reads such numbers as they are meant, with an empty text as missing."""
        written_plainly = self.numbers == NumberFormat() and self.missing is None
        return written_plainly and self.type is not ColumnType.BOOLEAN

    def is_missing(self, text: str) -> bool:
        """Whether a text without spaces around it stands for a missing value."""
        if self.missing is not None:
            return text in self.missing
        return text.lower() in KNOWN_MISSING


def is_text(kind: Any) -> bool:
    """Whether values of this Arrow type are texts."""
    import pyarrow as pa

    types = pa.types
    return bool(
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_string_view(kind)
        or types.is_null(kind)
    )


def plain(values: Any) -> Any:
    """Texts as `string`, dictionaries as their values."""
    import pyarrow as pa

    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    kind, types = values.type, pa.types
    if kind == pa.string():
        return values
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind):
        with contextlib.suppress(pa.ArrowInvalid):
            return values.cast(pa.binary()).cast(pa.string())
        return values
    return values.cast(pa.string()) if is_text(kind) else values


def written(values: Any) -> list[str | None]:
    """Each value of an array without texts as a text: `true`, `2`, `2.0`, `2024-01-01`."""
    import pyarrow as pa

    kind = values.type
    if pa.types.is_boolean(kind):
        return [None if v is None else "true" if v else "false" for v in values.to_pylist()]
    if pa.types.is_floating(kind):
        floats = values.to_numpy(zero_copy_only=False)
        return [None if v != v else str(v).replace("inf", "Infinity") for v in floats]
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return [None if v is None else str(v) for v in values.to_pylist()]
    texts: list[str | None] = values.cast(pa.string()).to_pylist()
    return texts


def to_texts(values: Any, missing: Reading | None = None) -> Any:
    """A dictionary of texts as they are written, without spaces around them; null for none.

    `missing`: the reading whose missing texts count as none, too.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    values = plain(values)
    if is_text(values.type):
        encoded = values.dictionary_encode()
        texts = pc.utf8_trim_whitespace(encoded.dictionary)
        texts = pc.if_else(pc.equal(texts, ""), None, texts)
        if missing is not None:
            given = texts.to_pylist()
            texts = pa.array(
                [None if t is None or missing.is_missing(t) else t for t in given], pa.string()
            )
    else:
        encoded = values.dictionary_encode()
        texts = pa.array(written(encoded.dictionary), pa.string())
    distinct = texts.dictionary_encode()
    indices = pc.take(distinct.indices, encoded.indices)
    return pa.DictionaryArray.from_arrays(indices.cast(pa.int32()), distinct.dictionary)


def to_numbers(values: Any, reading: Reading) -> Any:
    """An array of float64 with NaN for missing values.

    Raises BadCell for a text that is no number, and for a number that is too large for a model.
    """
    numbers = _numbers(values, reading)
    if _all_small(numbers):
        return numbers
    sizes = np.abs(numbers.to_numpy(zero_copy_only=False))
    large = sizes > LARGEST
    if large.any():
        row = int(large.argmax())
        value = values.slice(row, 1)
        text = value.to_pylist()[0] if is_text(plain(value).type) else written(value)[0]
        raise BadCell(row, too_large(str(text).strip(), float(sizes[row])), CORRECT)
    return numbers


def _all_small(numbers: Any) -> bool:
    """Whether no number is too large; NaN is not."""
    import pyarrow.compute as pc

    ends = pc.min_max(numbers)
    least, most = ends["min"].as_py(), ends["max"].as_py()
    return least is None or (least >= -LARGEST and most <= LARGEST)


CORRECT = "correct the value or leave it empty"


def too_large(text: str, size: float) -> str:
    """Why a number cannot be used."""
    if size == float("inf") and not any(letter.isdigit() for letter in text):
        return f"{text!r} is not finite"
    return f"{text[:80]!r} is larger than {LARGEST:.1e}, the largest number of a model"


def _numbers(values: Any, reading: Reading) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    values = plain(values)
    kind = values.type
    if not is_text(kind):
        return _typed_numbers(values)
    if reading.is_plain:
        try:
            return pc.fill_null(pc.cast(values, pa.float64()), float("nan"))
        except pa.ArrowInvalid:
            pass
    return _parsed_numbers(values, reading)


def _typed_numbers(values: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if pa.types.is_boolean(kind):
        values = values.cast(pa.uint8())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise BadCell(0, f"a value of the type {kind} is not a number")
    numbers = values.cast(pa.float64(), safe=False)
    return pc.fill_null(numbers, float("nan")) if numbers.null_count else numbers


def _parsed_numbers(values: Any, reading: Reading) -> Any:
    """Each different text is read once."""
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = values.dictionary_encode()
    numbers = np.full(len(encoded.dictionary), np.nan)
    for place, text in enumerate(encoded.dictionary.to_pylist()):
        stripped = text.strip()
        if not stripped or reading.is_missing(stripped):
            continue
        number = _number(stripped, reading)
        if number is None:
            row = pc.index(encoded.indices, place).as_py()
            raise BadCell(row, *not_a_number(stripped, reading))
        numbers[place] = number
    found = pc.take(pa.array(numbers), encoded.indices)
    return pc.fill_null(found, float("nan"))


def _number(text: str, reading: Reading) -> float | None:
    if reading.type is ColumnType.BOOLEAN:
        return {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}.get(text.lower())
    digits = plain_number(text, reading.numbers)
    return None if digits is None else float(digits)


def not_a_number(text: str, reading: Reading) -> tuple[str, str]:
    """Cause and hint for a text that is not a number of this column."""
    shown = repr(text[:80])
    if reading.type is ColumnType.BOOLEAN:
        return f"{shown} is neither true nor false", ""
    kind = form_of(text).kind
    if kind in (Kind.COMMA, Kind.COMMA_THREE) and reading.numbers.decimal == ".":
        return f"{shown} is not a number; it looks like a decimal comma", "write 1.5 for 1,5"
    return f"{shown} is not a number", "correct the value or leave it empty"
