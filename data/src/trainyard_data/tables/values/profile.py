"""What the values of a column are like. Profiles of parts of a column add up, in any order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TypeVar

from trainyard_api.datasets.choices import MAX_CLASSES
from trainyard_data.tables.values.forms import Form, Kind

K = TypeVar("K")

MISSING_TEXTS = 64
"""Most different texts of missing values that are kept."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Values of one form: how many, and the first with its row from 0."""

    count: int
    row: int
    text: str
    example: str = ""
    """The shortest text; it does not depend on the order of the rows."""

    def plus(self, other: Counted) -> Counted:
        """Both."""
        first = min(self, other, key=lambda seen: seen.row)
        example = min(self.example, other.example, key=lambda text: (len(text), text))
        return Counted(self.count + other.count, first.row, first.text, example)

    def moved(self, rows: int) -> Counted:
        """The same, `rows` further down."""
        return replace(self, row=self.row + rows)


@dataclass(frozen=True, slots=True)
class Profile:
    """What the values of a column, or of some rows of it, are like."""

    rows: int = 0
    empty: Counted | None = None
    """Rows without a value."""
    forms: dict[Form, Counted] = field(default_factory=dict)
    missing: Mapping[str, Counted] = field(default_factory=dict)
    """Texts that may stand for a missing value; at most MISSING_TEXTS."""
    words: frozenset[str] = frozenset()
    """Texts that are no numbers, dates or booleans; not all if they are MISSING_TEXTS."""
    distinct: frozenset[str] | None = frozenset()
    """The different texts; None if they are more than MAX_CLASSES."""
    largest: tuple[float, int, str] = (-1.0, 0, "")
    """Of plain numbers: the largest absolute value, its row and text."""
    sums: tuple[int, int] | None = (0, 0)
    """Of integers only: the sum, and of the squares, modulo 2**64."""

    def plus(self, other: Profile) -> Profile:
        """This part of a column, and the part that follows."""
        moved = _moved(other.forms, self.rows)
        empty = other.empty.moved(self.rows) if other.empty else None
        largest = (other.largest[0], other.largest[1] + self.rows, other.largest[2])
        return Profile(
            rows=self.rows + other.rows,
            empty=self.empty.plus(empty) if self.empty and empty else self.empty or empty,
            forms=absorbed(_joined(self.forms, moved)),
            missing=few_missing(_joined(self.missing, _moved(other.missing, self.rows))),
            words=few_texts(self.words | other.words),
            distinct=_bounded(self.distinct, other.distinct),
            largest=max(self.largest, largest, key=lambda item: (item[0], -item[1])),
            sums=_added(self.sums, other.sums),
        )

    def count(self, kinds: Collection[Kind]) -> int:
        """Values of these kinds."""
        return sum(seen.count for form, seen in self.forms.items() if form.kind in kinds)

    def rows_of(self, texts: Collection[str]) -> dict[str, int]:
        """Rows of each of these among the `missing` texts."""
        return {text: seen.count for text, seen in self.missing.items() if text in texts}

    def without(self, texts: Collection[str]) -> Profile:
        """The profile where these of the `missing` texts count as no value."""
        taken = {text: seen for text, seen in self.missing.items() if text in texts}
        if not taken:
            return self
        left = {text: seen for text, seen in self.missing.items() if text not in taken}
        forms = {form: seen for form, seen in self.forms.items() if form.kind is not Kind.MISSING}
        if left:
            forms[Form(Kind.MISSING)] = _total(left.values())
        empty = _total([*taken.values(), *([self.empty] if self.empty else [])])
        distinct = None if self.distinct is None else self.distinct - taken.keys()
        return replace(self, empty=empty, forms=forms, missing=left, distinct=distinct)

    def is_row_number(self) -> bool:
        """Whether the values are 0 to n - 1, or 1 to n, each once."""
        if self.sums is None or self.empty is not None or not self.rows:
            return False
        return any(
            self.sums == (_sum(first, self.rows), _squares(first, self.rows)) for first in (0, 1)
        )


def _sum(first: int, count: int) -> int:
    last = first + count - 1
    return (first + last) * count // 2 % 2**64


def _squares(first: int, count: int) -> int:
    last = first + count - 1
    return last * (last + 1) * (2 * last + 1) // 6 % 2**64


def _joined(counted: Mapping[K, Counted], more: Mapping[K, Counted]) -> dict[K, Counted]:
    found = dict(counted)
    for key, seen in more.items():
        found[key] = found[key].plus(seen) if key in found else seen
    return found


def _moved(counted: Mapping[K, Counted], rows: int) -> dict[K, Counted]:
    return {key: seen.moved(rows) for key, seen in counted.items()}


def _total(counted: Iterable[Counted]) -> Counted:
    """All; `counted` is not empty."""
    return reduce(Counted.plus, counted)


def absorbed(forms: dict[Form, Counted]) -> dict[Form, Counted]:
    """A number with a decimal point says all that integers beside it could say."""
    point = Form(Kind.POINT)
    if point not in forms:
        return forms
    rest = {form: seen for form, seen in forms.items() if form not in _ABSORBED}
    for form in _ABSORBED & forms.keys():
        seen = forms[form]
        rest[point] = replace(rest[point], count=rest[point].count + seen.count)
    return rest


_ABSORBED = {Form(Kind.INTEGER), Form(Kind.CODE), Form(Kind.POINT_THREE)}


def few_texts(texts: frozenset[str]) -> frozenset[str]:
    return frozenset(sorted(texts)[:MISSING_TEXTS])


def few_missing(texts: Mapping[str, Counted]) -> dict[str, Counted]:
    """The first MISSING_TEXTS of them."""
    return {text: texts[text] for text in sorted(texts)[:MISSING_TEXTS]}


def _bounded(mine: frozenset[str] | None, others: frozenset[str] | None) -> frozenset[str] | None:
    if mine is None or others is None:
        return None
    if others <= mine:
        return mine
    both = mine | others
    return both if len(both) <= MAX_CLASSES else None


def _added(mine: tuple[int, int] | None, others: tuple[int, int] | None) -> tuple[int, int] | None:
    if mine is None or others is None:
        return None
    return (mine[0] + others[0]) % 2**64, (mine[1] + others[1]) % 2**64


def empty_rows(rows: int) -> Profile:
    """A column without values."""
    return Profile(rows=rows, empty=Counted(rows, 0, "") if rows else None, sums=None)
