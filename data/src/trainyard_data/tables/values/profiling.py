"""The profile of an Arrow array."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np

from trainyard_api.datasets.choices import MAX_CLASSES
from trainyard_data.tables.values.convert import is_text, plain, written
from trainyard_data.tables.values.forms import Form, Kind, form_of
from trainyard_data.tables.values.plain_numbers import first_empty, profile_of_numbers, sums_of
from trainyard_data.tables.values.profile import (
    Counted,
    Profile,
    absorbed,
    empty_rows,
    few_missing,
    few_texts,
)

FEW = 100
"""Rows up to which a look at each text is faster than all of Arrow's functions."""


def profile(values: Any, missing: Collection[str] | None = None) -> Profile:
    """The profile of an Arrow array. `missing`: as of a `Reading`."""
    values = plain(values)
    if not is_text(values.type):
        return _of_typed(values)
    if len(values) <= FEW:
        return _of_few_texts(values.to_pylist(), missing)
    found = profile_of_numbers(values) if missing is None else None
    return found or _of_texts(values, missing)


def _of_few_texts(texts: list[str | None], missing: Collection[str] | None) -> Profile:
    counts: dict[str | None, int] = {}
    firsts: dict[str | None, int] = {}
    for row, text in enumerate(texts):
        counts[text] = counts.get(text, 0) + 1
        firsts.setdefault(text, row)
    found = _Texts(missing)
    for text, count in counts.items():
        stripped = text.strip() if text is not None else ""
        found.add(Counted(count, firsts[text], stripped, stripped))
    return found.profile(len(texts))


def _of_texts(values: Any, missing: Collection[str] | None) -> Profile:
    """Each different text is looked at once."""
    encoded = values.dictionary_encode()
    found = _Texts(missing)
    found.add_empty(first_empty(encoded.indices))
    counts = np.bincount(
        encoded.indices.drop_null().to_numpy(zero_copy_only=False),
        minlength=len(encoded.dictionary),
    )
    firsts = _first_rows(encoded.indices, len(encoded.dictionary))
    for text, count, row in zip(encoded.dictionary.to_pylist(), counts, firsts, strict=True):
        stripped = text.strip()
        found.add(Counted(int(count), int(row), stripped, stripped))
    return found.profile(len(values))


class _Texts:
    """Adds up what different texts are like."""

    def __init__(self, missing: Collection[str] | None) -> None:
        self._missing = missing
        self._empty: Counted | None = None
        self._forms: dict[Form, Counted] = {}
        self._absent: dict[str, Counted] = {}
        self._words: set[str] = set()
        self._texts: set[str] = set()
        self._largest = (-1.0, 0, "")
        self._sum = self._squares = 0

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
            known = self._absent.get(text)
            self._absent[text] = known.plus(seen) if known else seen
        elif form.kind in (Kind.TEXT, Kind.ODD):
            self._words.add(text)
        elif form.kind in _PLAIN and not form.sign:
            self._measure(seen, form.kind is Kind.INTEGER)

    def _measure(self, seen: Counted, integer: bool) -> None:
        size = (abs(float(seen.text)), seen.row, seen.text)
        self._largest = max(self._largest, size, key=lambda item: (item[0], -item[1]))
        if integer and len(seen.text) < 20:
            value = int(seen.text)
            self._sum += seen.count * value
            self._squares += seen.count * value * value

    def profile(self, rows: int) -> Profile:
        """The profile of all."""
        integers = self._forms.keys() == {Form(Kind.INTEGER)}
        return Profile(
            rows=rows,
            empty=self._empty,
            forms=absorbed(self._forms),
            missing=few_missing(self._absent),
            words=few_texts(frozenset(self._words)),
            distinct=frozenset(self._texts) if len(self._texts) <= MAX_CLASSES else None,
            largest=self._largest,
            sums=(self._sum % 2**64, self._squares % 2**64) if integers else None,
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
    if types.is_floating(kind) and len(values):
        values = pc.if_else(pc.is_nan(values), None, values)
    if values.null_count == len(values):
        return empty_rows(len(values))
    form = _kind(kind)
    row = pc.index(pc.is_valid(values), True).as_py()
    text = str(kind) if form is Kind.OTHER else written(values.slice(row, 1))[0] or ""
    found = Profile(
        rows=len(values),
        empty=first_empty(values),
        forms={Form(form): Counted(len(values) - values.null_count, row, text, text)},
        distinct=None if form is Kind.OTHER else _distinct(values),
        sums=None,
    )
    if form not in (Kind.INTEGER, Kind.POINT):
        return found
    sizes = pc.abs(values.cast(pa.float64(), safe=False))
    most = pc.max(sizes).as_py()
    place = pc.index(sizes, pa.scalar(most, pa.float64())).as_py()
    forms = found.forms
    if most == float("inf"):
        infinite = written(values.slice(place, 1))[0] or ""
        forms = forms | {Form(Kind.INFINITE): Counted(1, place, infinite, infinite)}
    return replace(
        found,
        forms=forms,
        largest=(float(most), place, written(values.slice(place, 1))[0] or ""),
        sums=sums_of(values) if types.is_integer(kind) else None,
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


def _distinct(values: Any) -> frozenset[str] | None:
    import pyarrow.compute as pc

    found = pc.unique(values).drop_null()
    return None if len(found) > MAX_CLASSES else frozenset(t for t in written(found) if t)
