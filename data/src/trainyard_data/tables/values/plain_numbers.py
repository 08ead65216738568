"""The profile of texts that all are plain numbers: vectorised, for columns of millions of rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from trainyard_api.datasets.choices import MAX_CLASSES
from trainyard_data.tables.values.forms import Form, Kind, form_of
from trainyard_data.tables.values.profile import Counted, Profile, empty_rows

_CODE = r"^[+-]?0\d"
_FRACTION = r"[.eE]"
_POINT_THREE = r"^[+-]?[1-9]\d{0,2}\.\d\d\d$"
LOOK = 50
"""Numbers with decimals that are looked at one by one."""


def profile_of_numbers(given: Any) -> Profile | None:
    """The profile of an Arrow array of texts; None if a look at each text is needed."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        numbers = pc.cast(given, pa.float64())
    except pa.ArrowInvalid:
        return None
    rows, empty = len(given), given.null_count
    if empty == rows:
        return empty_rows(rows)
    floats = numbers.to_numpy(zero_copy_only=False)
    sizes = np.abs(floats)
    known = sizes if not empty else sizes[~np.isnan(sizes)]
    if len(known) + empty != rows or not np.isfinite(known).all():
        return None
    forms = _forms(given)
    if forms is None:
        return None
    largest = int(np.nanargmax(sizes)) if empty else int(sizes.argmax())
    integers = forms.keys() == {Form(Kind.INTEGER)}
    return Profile(
        rows=rows,
        empty=first_empty(given),
        forms=forms,
        distinct=_distinct(given),
        largest=(float(sizes[largest]), largest, given[largest].as_py()),
        sums=sums_of(pc.cast(given, pa.int64())) if integers else None,
    )


def _forms(given: Any) -> dict[Form, Counted] | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    count = len(given) - given.null_count
    try:
        pc.cast(given, pa.int64())
    except pa.ArrowInvalid:
        return _forms_with_fractions(given, count)
    if pc.any(pc.match_substring_regex(given, _CODE)).as_py():
        return None
    row = 0 if not given.null_count else pc.index(pc.is_valid(given), True).as_py()
    first = given[row].as_py()
    return {Form(Kind.INTEGER): Counted(count, row, first, first)}


def _forms_with_fractions(given: Any, count: int) -> dict[Form, Counted] | None:
    """A number with a decimal point says all that integers beside it could say."""
    import pyarrow.compute as pc

    for row, text in enumerate(given[:LOOK].to_pylist()):
        if text is not None and form_of(text).kind is Kind.POINT:
            return {Form(Kind.POINT): Counted(count, row, text, text)}
    rows = pc.indices_nonzero(pc.match_substring_regex(given, _FRACTION))
    looked = given.take(rows[:LOOK]).to_pylist()
    for row, text in zip(rows[:LOOK].to_pylist(), looked, strict=True):
        if form_of(text).kind is Kind.POINT:
            return {Form(Kind.POINT): Counted(count, row, text, text)}
    if len(rows) == count and pc.all(pc.match_substring_regex(given, _POINT_THREE)).as_py():
        row, text = rows[0].as_py(), looked[0]
        return {Form(Kind.POINT_THREE): Counted(count, row, text, text)}
    return None


def first_empty(given: Any) -> Counted | None:
    """Rows without a value."""
    import pyarrow.compute as pc

    if not given.null_count:
        return None
    return Counted(given.null_count, pc.index(pc.is_null(given), True).as_py(), "")


def _distinct(given: Any) -> frozenset[str] | None:
    import pyarrow.compute as pc

    found = pc.unique(given)
    if len(found) > MAX_CLASSES + 1:
        return None
    texts = frozenset(text for text in found.to_pylist() if text is not None)
    return texts if len(texts) <= MAX_CLASSES else None


def sums_of(integers: Any) -> tuple[int, int]:
    """The sum of integers, and of their squares, modulo 2**64."""
    known = integers.drop_null() if integers.null_count else integers
    values = known.to_numpy(zero_copy_only=False).astype(np.uint64)
    return int(values.sum(dtype=np.uint64)), int((values * values).sum(dtype=np.uint64))
