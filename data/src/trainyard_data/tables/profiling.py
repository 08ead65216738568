"""The profile of an Arrow array."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np

from trainyard_api.datasets.choices import MAX_CLASSES
from trainyard_data.tables.convert import is_text, plain, written
from trainyard_data.tables.forms import Form, Kind, form_of
from trainyard_data.tables.profile import Counted, Profile, absorbed, empty_rows, few_texts


def profile(values: Any, missing: Collection[str] | None = None) -> Profile:
    """The profile of an Arrow array. `missing`: as of a `Reading`."""
    values = plain(values)
    if is_text(values.type):
        found = _of_plain_numbers(values) if missing is None else None
        return found or _of_texts(values, missing)
    return _of_typed(values)


def _of_plain_numbers(values: Any) -> Profile | None:
    """The profile of texts that all are plain numbers or empty; None if they are not."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        given = pc.if_else(pc.equal(values, ""), None, values)
        numbers = pc.cast(given, pa.float64())
    except pa.ArrowInvalid:
        return None
    known = numbers.drop_null()
    if not len(known):
        return empty_rows(len(values))
    floats = known.to_numpy(zero_copy_only=False)
    if not np.isfinite(floats).all():
        return None
    forms = _number_forms(given)
    if forms is None:
        return None
    return Profile(
        rows=len(values),
        empty=_empty(given),
        forms=forms,
        distinct=_distinct(given),
        largest=_largest(numbers, given),
        sums=_sums_of_texts(given) if Form(Kind.INTEGER) in forms else None,
    )


_CODE = r"^[+-]?0\d"
_POINT_THREE = r"^[+-]?[1-9]\d{0,2}\.\d\d\d$"


def _number_forms(given: Any) -> dict[Form, Counted] | None:
    """None where a look at each value is needed."""
    import pyarrow as pa
    import pyarrow.compute as pc

    row = pc.index(pc.is_valid(given), True).as_py()
    first = given[row].as_py()
    count = len(given) - given.null_count
    try:
        pc.cast(given, pa.int64())
    except pa.ArrowInvalid:
        # A number that is no integer among the first says enough.
        if any(_is_point(text) for text in given.slice(row, 50).to_pylist()):
            return {Form(Kind.POINT): Counted(count, *_first_point(given, row))}
        return None
    if pc.any(pc.match_substring_regex(given, _CODE)).as_py():
        return None
    return {Form(Kind.INTEGER): Counted(count, row, first)}


def _is_point(text: str | None) -> bool:
    return text is not None and form_of(text).kind is Kind.POINT


def _first_point(given: Any, row: int) -> tuple[int, str]:
    for place, text in enumerate(given.slice(row, 50).to_pylist(), row):
        if _is_point(text):
            return place, text
    raise AssertionError


def _empty(given: Any) -> Counted | None:
    import pyarrow.compute as pc

    if not given.null_count:
        return None
    return Counted(given.null_count, pc.index(pc.is_null(given), True).as_py(), "")


def _distinct(given: Any) -> frozenset[str] | None:
    import pyarrow.compute as pc

    found = pc.unique(given).drop_null()
    return None if len(found) > MAX_CLASSES else frozenset(found.to_pylist())


def _largest(numbers: Any, given: Any) -> tuple[float, int, str]:
    import pyarrow.compute as pc

    sizes = pc.abs(numbers)
    most = pc.max(sizes)
    row = pc.index(sizes, most).as_py()
    return float(most.as_py()), row, given[row].as_py()


def _sums_of_texts(given: Any) -> tuple[int, int]:
    import pyarrow as pa
    import pyarrow.compute as pc

    return _sums(pc.cast(given, pa.int64()))


def _sums(integers: Any) -> tuple[int, int]:
    known = integers.drop_null().to_numpy(zero_copy_only=False).astype(np.uint64)
    return int(known.sum(dtype=np.uint64)), int((known * known).sum(dtype=np.uint64))


def _of_texts(values: Any, missing: Collection[str] | None) -> Profile:
    """Each different text is looked at once."""
    encoded = values.dictionary_encode()
    found = _Texts(missing)
    if encoded.indices.null_count:
        found.add_empty(_empty(encoded.indices))
    counts = np.bincount(
        encoded.indices.drop_null().to_numpy(zero_copy_only=False),
        minlength=len(encoded.dictionary),
    )
    firsts = _first_rows(encoded.indices, len(encoded.dictionary))
    for text, count, row in zip(encoded.dictionary.to_pylist(), counts, firsts, strict=True):
        found.add(Counted(int(count), int(row), text.strip()))
    return found.profile(len(values))


class _Texts:
    """Adds up what different texts are like."""

    def __init__(self, missing: Collection[str] | None) -> None:
        self._missing = missing
        self._empty: Counted | None = None
        self._forms: dict[Form, Counted] = {}
        self._absent: set[str] = set()
        self._texts: set[str] = set()
        self._largest = (-1.0, 0, "")

    def add_empty(self, seen: Counted | None) -> None:
        """Rows without a value."""
        self._empty = self._empty.plus(seen) if self._empty and seen else self._empty or seen

    def add(self, seen: Counted) -> None:
        """Rows of one text."""
        text = seen.text
        if not text:
            self.add_empty(seen)
            return
        form = form_of(text, self._missing)
        self._forms[form] = self._forms[form].plus(seen) if form in self._forms else seen
        self._texts.add(text)
        if form.kind is Kind.MISSING:
            self._absent.add(text)
        elif form.kind in _PLAIN and not form.sign:
            size = (abs(float(text)), seen.row, text)
            self._largest = max(self._largest, size, key=lambda item: (item[0], -item[1]))

    def profile(self, rows: int) -> Profile:
        """The profile of all."""
        return Profile(
            rows=rows,
            empty=self._empty,
            forms=absorbed(self._forms),
            missing=few_texts(frozenset(self._absent)),
            distinct=frozenset(self._texts) if len(self._texts) <= MAX_CLASSES else None,
            largest=self._largest,
            sums=None,
        )


_PLAIN = {Kind.INTEGER, Kind.CODE, Kind.POINT, Kind.POINT_THREE, Kind.INFINITE}


def _first_rows(indices: Any, count: int) -> Any:
    """The first row of each index."""
    rows = np.full(count, 0, np.int64)
    codes = indices.fill_null(-1).to_numpy(zero_copy_only=False)
    known = np.flatnonzero(codes >= 0)[::-1]
    rows[codes[known]] = known
    return rows


def _of_typed(values: Any) -> Profile:
    """Numbers, booleans and all else that has an Arrow type."""
    import pyarrow as pa
    import pyarrow.compute as pc

    types, kind = pa.types, values.type
    if types.is_floating(kind):
        values = pc.if_else(pc.is_nan(values), None, values) if len(values) else values
    if values.null_count == len(values):
        return empty_rows(len(values))
    row = pc.index(pc.is_valid(values), True).as_py()
    numeric = types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
    text = written(values.slice(row, 1))[0] if numeric or types.is_boolean(kind) else str(kind)
    seen = Counted(len(values) - values.null_count, row, text or "")
    found = Profile(
        rows=len(values), empty=_empty(values), forms={Form(_kind(kind)): seen}, sums=None,
        distinct=None,
    )  # fmt: skip
    if types.is_boolean(kind):
        return replace(found, distinct=_written_distinct(values))
    if not numeric:
        return found
    numbers = values.cast(pa.float64(), safe=False)
    sizes = pc.abs(numbers)
    most = pc.max(sizes)
    place = pc.index(sizes, most).as_py()
    return replace(
        found,
        distinct=_written_distinct(values),
        largest=(float(most.as_py()), place, written(values.slice(place, 1))[0] or ""),
        sums=_sums(values) if types.is_integer(kind) else None,
    )


def _kind(kind: Any) -> Kind:
    import pyarrow as pa

    types = pa.types
    if types.is_boolean(kind):
        return Kind.BOOLEAN
    if types.is_integer(kind):
        return Kind.INTEGER
    if types.is_floating(kind) or types.is_decimal(kind):
        return Kind.POINT
    if types.is_date(kind):
        return Kind.DATE
    return Kind.TIMESTAMP if types.is_timestamp(kind) else Kind.OTHER


def _written_distinct(values: Any) -> frozenset[str] | None:
    import pyarrow.compute as pc

    found = pc.unique(values).drop_null()
    return None if len(found) > MAX_CLASSES else frozenset(t for t in written(found) if t)
