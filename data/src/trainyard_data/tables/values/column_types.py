"""The type of a column by the forms of its values, and the numbers of such a column.

All formats obey these rules: a column of texts has the type that its values have.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from trainyard_api.datasets.choices import ColumnType
from trainyard_api.datasets.schema import NumberFormat
from trainyard_data.tables.values.forms import NUMBERS, SPACE, Form, Kind, form_of

_ANY = frozenset({Kind.INTEGER, Kind.CODE, Kind.INFINITE})
_SPACED = frozenset({Kind.SPACE_GROUPS, Kind.SPACE_POINT, Kind.SPACE_COMMA})
_PROOF = {
    ".": frozenset({Kind.POINT, Kind.COMMA_GROUPS, Kind.COMMA_POINT, Kind.SPACE_POINT}),
    ",": frozenset({Kind.COMMA, Kind.POINT_GROUPS, Kind.POINT_COMMA, Kind.SPACE_COMMA}),
}
"""Forms that prove a decimal mark."""
_GROUPED = {
    ".": frozenset({Kind.COMMA_THREE, Kind.COMMA_GROUPS, Kind.COMMA_POINT}),
    ",": frozenset({Kind.POINT_THREE, Kind.POINT_GROUPS, Kind.POINT_COMMA}),
}
"""Forms with groups of three digits, by the decimal mark."""
_DECIMALS = {
    ".": frozenset({Kind.POINT, Kind.POINT_THREE, Kind.COMMA_POINT, Kind.SPACE_POINT}),
    ",": frozenset({Kind.COMMA, Kind.COMMA_THREE, Kind.POINT_COMMA, Kind.SPACE_COMMA}),
}
"""Forms with decimals, by the decimal mark."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The type of a column, how its numbers are written, and why if that is a guess."""

    type: ColumnType
    numbers: NumberFormat | None = None
    reason: str | None = None
    codes: bool = False
    """Whether its values are names that are written with digits."""


def column_type(forms: Mapping[Form, str], decimal: str | None, comma_hint: str = ".") -> Decision:
    """The type of a column by the forms of its values, each with an example.

    `decimal`: the decimal mark, where it is known. `comma_hint`: the one of a file of which
    nothing else says whether 1,234 is one and a bit.
    """
    known = {form: text for form, text in forms.items() if form.kind is not Kind.MISSING}
    kinds = {form.kind for form in known}
    if Kind.OTHER in kinds:
        return Decision(ColumnType.OTHER)
    if not kinds:
        return Decision(ColumnType.NUMBER, reason="it has no values")
    if kinds <= NUMBERS:
        return _number(known, kinds, decimal, comma_hint)
    for wanted, name in _WHOLE:
        if kinds <= wanted:
            return Decision(name)
    return _codes(known) or Decision(ColumnType.TEXT)


_WHOLE = (
    ({Kind.BOOLEAN}, ColumnType.BOOLEAN),
    ({Kind.DATE}, ColumnType.DATE),
    ({Kind.DATE, Kind.TIMESTAMP}, ColumnType.TIMESTAMP),
)


def _number(
    forms: Mapping[Form, str], kinds: set[Kind], decimal: str | None, comma_hint: str
) -> Decision:
    codes = _codes(forms)
    if codes is not None:
        return codes
    signs = {form.sign for form in forms}
    if len(signs) > 1:
        return Decision(
            ColumnType.TEXT, reason="only some of its numbers have a sign such as % or $"
        )
    proved = decimal_marks(kinds)
    mark = decimal or (proved.pop() if len(proved) == 1 else comma_hint)
    if kinds & _PROOF[_other(mark)]:
        return Decision(ColumnType.TEXT, reason="its numbers have different decimal marks")
    return _written(forms, kinds, mark, signs.pop())


def _codes(forms: Mapping[Form, str]) -> Decision | None:
    """Whole numbers of which one begins with a zero are codes, also beside texts."""
    numbers = {form.kind for form in forms} & NUMBERS
    if Kind.CODE not in numbers or not numbers <= {Kind.INTEGER, Kind.CODE}:
        return None
    code = next(text for form, text in forms.items() if form.kind is Kind.CODE)
    reason = f"{code!r} begins with a zero, as codes do"
    return Decision(ColumnType.TEXT, reason=reason, codes=True)


def _other(mark: str) -> str:
    return "," if mark == "." else "."


def decimal_marks(kinds: Iterable[Kind]) -> set[str]:
    """The decimal marks that forms prove."""
    found = set(kinds)
    return {mark for mark, proof in _PROOF.items() if proof & found}


def _written(forms: Mapping[Form, str], kinds: set[Kind], mark: str, sign: str) -> Decision:
    spaced, grouped = bool(kinds & _SPACED), bool(kinds & _GROUPED[mark])
    decimals = bool(kinds & (_DECIMALS[mark] - (_GROUPED[mark] & _PLAIN_THREE)))
    kind = ColumnType.NUMBER if decimals or Kind.INFINITE in kinds else ColumnType.INTEGER
    if not sign and not spaced and not grouped and (mark == "." or not decimals):
        return Decision(kind)
    grouping = " " if spaced else _other(mark) if grouped else None
    examples = [text for form, text in forms.items() if form.sign or form.kind not in _PLAINEST]
    shown = min(examples or forms.values(), key=lambda text: (len(text), text))
    return Decision(
        kind,
        NumberFormat(decimal=mark, grouping=grouping, sign=sign or None),
        f"{shown!r} is read as {_plain(shown, mark, sign)}",
    )


_PLAIN_THREE = frozenset({Kind.POINT_THREE, Kind.COMMA_THREE})
_PLAINEST = frozenset({Kind.INTEGER, Kind.CODE, Kind.INFINITE, Kind.POINT, Kind.POINT_THREE})
_SPACES = re.compile(SPACE)


def _plain(text: str, mark: str, sign: str = "") -> str:
    bare = _SPACES.sub("", text.replace(sign, "") if sign else text).strip()
    return bare.replace(",", "") if mark == "." else bare.replace(".", "").replace(",", ".")


def plain_number(text: str, written: NumberFormat) -> str | None:
    """The number of a text with a decimal point and nothing else; None if it is no such number.

    A function of the text and the column's format alone.
    """
    form = form_of(text, missing=())
    if form.kind not in NUMBERS or form.sign != (written.sign or ""):
        return None
    mark = written.decimal
    allowed = _ANY | (_DECIMALS[mark] - _GROUPED[mark] - _SPACED)
    if written.grouping == " ":
        allowed |= _SPACED & (_DECIMALS[mark] | {Kind.SPACE_GROUPS})
    elif written.grouping is not None:
        allowed |= _GROUPED[mark]
    return _plain(text, mark, form.sign) if form.kind in allowed else None
