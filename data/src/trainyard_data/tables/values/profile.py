"""What the values of a column are like. Profiles of parts of a column add up, in any order."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from trainyard_api.datasets.choices import MAX_CLASSES
from trainyard_data.tables.values.forms import Form, Kind

MISSING_TEXTS = 32
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
    missing: frozenset[str] = frozenset()
    """Texts that may stand for a missing value."""
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
        moved = {form: seen.moved(self.rows) for form, seen in other.forms.items()}
        empty = other.empty.moved(self.rows) if other.empty else None
        largest = (other.largest[0], other.largest[1] + self.rows, other.largest[2])
        return Profile(
            rows=self.rows + other.rows,
            empty=self.empty.plus(empty) if self.empty and empty else self.empty or empty,
            forms=absorbed(_joined(self.forms, moved)),
            missing=few_texts(self.missing | other.missing),
            words=few_texts(self.words | other.words),
            distinct=_bounded(self.distinct, other.distinct),
            largest=max(self.largest, largest, key=lambda item: (item[0], -item[1])),
            sums=_added(self.sums, other.sums),
        )

    def count(self, kinds: Collection[Kind]) -> int:
        """Values of these kinds."""
        return sum(seen.count for form, seen in self.forms.items() if form.kind in kinds)

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


def _joined(forms: dict[Form, Counted], more: dict[Form, Counted]) -> dict[Form, Counted]:
    found = dict(forms)
    for form, seen in more.items():
        found[form] = found[form].plus(seen) if form in found else seen
    return found


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
