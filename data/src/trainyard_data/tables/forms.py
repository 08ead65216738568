"""The form of a value as it is written, and the type of a column by the forms of its values.

Every table is read as texts first, in each format. A value has one form, and the type of a
column is a function of the forms in it: neither depends on the order of the rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from trainyard_api.datasets.choices import ColumnType
from trainyard_api.datasets.schema import NumberFormat


class Kind(StrEnum):
    """How a value is written. Spaces around it do not count."""

    MISSING = "missing"
    """A text such as NA that stands for no value beside numbers, booleans and dates."""
    INTEGER = "integer"
    CODE = "code"
    """An integer with zeros before it, such as 01067."""
    POINT = "point"
    """A number with a decimal point or an exponent."""
    POINT_THREE = "point-three"
    """Such as 1.234: a number with a point, or 1234 in groups."""
    POINT_GROUPS = "point-groups"
    """Such as 1.234.567."""
    COMMA = "comma"
    """A number with a decimal comma, such as 1,5 or 1.234,5."""
    COMMA_THREE = "comma-three"
    """Such as 1,234: 1234 in groups, or a number with a decimal comma."""
    COMMA_GROUPS = "comma-groups"
    """Such as 1,234,567 or 1,234.5."""
    SPACE_GROUPS = "space-groups"
    """Such as 1 234 or 1'234.5."""
    INFINITE = "infinite"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TEXT = "text"
    OTHER = "other"
    """A list, an object, bytes, a duration: no text, no number."""


NUMBERS = frozenset(
    {
        Kind.INTEGER, Kind.CODE, Kind.POINT, Kind.POINT_THREE, Kind.POINT_GROUPS, Kind.COMMA,
        Kind.COMMA_THREE, Kind.COMMA_GROUPS, Kind.SPACE_GROUPS, Kind.INFINITE,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Form:
    """The form of a value: its kind, and the sign (`%`, `$`) that stands at a number."""

    kind: Kind
    sign: str = ""


KNOWN_MISSING = frozenset(
    {
        "?", "na", "n/a", "#n/a", "#na", "nan", "-nan", "null", "none", "nil", "-", "--", "—", ".",
        "..", "<na>", "(null)", "\\n",
    }
)  # fmt: skip
"""Texts in lower case that stand for a missing value in a column of numbers."""

_SPACE = "[ \u00a0\u202f'\u2019]"
_EXPONENT = r"(?:[eE][+-]?\d+)?"
_FORMS = re.compile(
    rf"""
      (?P<integer>[+-]?(?:0|[1-9]\d*))
    | (?P<code>[+-]?0\d+)
    | (?P<point_three>[+-]?[1-9]\d{{0,2}}\.\d\d\d)
    | (?P<point>[+-]?(?:(?:\d+\.\d*|\.\d+){_EXPONENT}|\d+[eE][+-]?\d+))
    | (?P<comma_three>[+-]?[1-9]\d{{0,2}},\d\d\d)
    | (?P<comma_groups>[+-]?[1-9]\d{{0,2}}(?:(?:,\d\d\d){{2,}}|(?:,\d\d\d)+\.\d*))
    | (?P<comma>[+-]?(?:\d+,\d+|,\d+|[1-9]\d{{0,2}}(?:\.\d\d\d)+,\d+){_EXPONENT})
    | (?P<point_groups>[+-]?[1-9]\d{{0,2}}(?:\.\d\d\d){{2,}})
    | (?P<space_groups>[+-]?[1-9]\d{{0,2}}(?:{_SPACE}\d\d\d)+(?:[.,]\d+)?)
    | (?P<infinite>[+-]?(?:inf|infinity))
    | (?P<boolean>true|false)
    | (?P<date>\d{{4}}[-/.]\d\d?[-/.]\d\d?|\d\d?[-/.]\d\d?[-/.]\d{{4}}|\d\d?/\d\d?/\d\d)
    | (?P<timestamp>(?:\d{{4}}[-/.]\d\d?[-/.]\d\d?|\d\d?[-/.]\d\d?[-/.]\d{{4}})[ T]\d\d?:\d\d
        (?::\d\d(?:[.,]\d+)?)?(?:\ ?(?:AM|PM))?(?:\ ?(?:Z|UTC|[+-]\d\d:?(?:\d\d)?))?)
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_SIGNED = re.compile(r"([+-]?)([$€£¥₹])\s*(.+)|(.+?)\s*([%$€£¥₹])", re.DOTALL)
_KINDS = {kind.replace("-", "_"): kind for kind in Kind}


def form_of(text: str, missing: Iterable[str] | None = None) -> Form:
    """The form of a text that is not empty and has no spaces around it.

    `missing`: the texts of a missing value, instead of those that are known.
    """
    if text in missing if missing is not None else text.lower() in KNOWN_MISSING:
        return Form(Kind.MISSING)
    found = _FORMS.fullmatch(text)
    if found is not None:
        return Form(_KINDS[found.lastgroup or ""])
    signed = _SIGNED.fullmatch(text) if len(text) < 64 else None
    if signed is not None:
        before, sign, after, number, last = signed.groups()
        inner = _FORMS.fullmatch((before or "") + (after or number))
        kind = _KINDS[inner.lastgroup or ""] if inner is not None else Kind.TEXT
        if kind in NUMBERS and kind is not Kind.INFINITE:
            return Form(Kind.INTEGER if kind is Kind.CODE else kind, sign or last)
    return Form(Kind.TEXT)


@dataclass(frozen=True, slots=True)
class Decision:
    """The type of a column, how its numbers are written, and why if that is a guess."""

    type: ColumnType
    numbers: NumberFormat | None = None
    reason: str | None = None


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
    return Decision(ColumnType.TEXT)


_WHOLE = (
    ({Kind.BOOLEAN}, ColumnType.BOOLEAN),
    ({Kind.DATE}, ColumnType.DATE),
    ({Kind.DATE, Kind.TIMESTAMP}, ColumnType.TIMESTAMP),
)


def _number(
    forms: Mapping[Form, str], kinds: set[Kind], decimal: str | None, comma_hint: str
) -> Decision:
    if kinds <= {Kind.INTEGER, Kind.CODE} and Kind.CODE in kinds:
        code = next(text for form, text in forms.items() if form.kind is Kind.CODE)
        return Decision(
            ColumnType.TEXT, reason=f"{code!r} has a zero before it, as codes have, not numbers"
        )
    signs = {form.sign for form in forms}
    if len(signs) > 1:
        shown = " and ".join(repr(text) for text in list(forms.values())[:2])
        return Decision(
            ColumnType.TEXT, reason=f"not all numbers have the same sign, such as {shown}"
        )
    mark = decimal or decimal_mark(kinds) or comma_hint
    wrong = _CONTRADICTIONS[mark] & kinds
    if wrong or (decimal_mark(kinds) or mark) != mark:
        shown = next((t for f, t in forms.items() if f.kind in wrong), "")
        return Decision(
            ColumnType.TEXT, reason=f"{shown!r} is no number with the decimal mark {mark!r}"
        )
    return _written(forms, kinds, mark, signs.pop())


_CONTRADICTIONS = {
    ".": {Kind.COMMA, Kind.POINT_GROUPS},
    ",": {Kind.POINT, Kind.COMMA_GROUPS},
}


def decimal_mark(kinds: Iterable[Kind]) -> str | None:
    """The decimal mark that forms prove; None if they prove nothing or contradict each other."""
    found = set(kinds)
    comma = bool(found & _CONTRADICTIONS["."])
    point = bool(found & _CONTRADICTIONS[","])
    return None if comma == point else "," if comma else "."


def _written(forms: Mapping[Form, str], kinds: set[Kind], mark: str, sign: str) -> Decision:
    groups = {Kind.COMMA_THREE, Kind.COMMA_GROUPS} if mark == "." else {
        Kind.POINT_THREE, Kind.POINT_GROUPS,
    }  # fmt: skip
    grouped = bool(kinds & groups)
    spaced = Kind.SPACE_GROUPS in kinds
    integer = kinds <= {Kind.INTEGER, Kind.SPACE_GROUPS} | groups
    plain = mark == "." and not grouped and not spaced and not sign
    if plain:
        return Decision(ColumnType.INTEGER if integer else ColumnType.NUMBER)
    grouping = " " if spaced else ("," if mark == "." else ".") if grouped else None
    shown = next((t for f, t in forms.items() if f.kind not in (Kind.INTEGER,)), None)
    example = shown or next(iter(forms.values()))
    return Decision(
        ColumnType.INTEGER if integer and not sign else ColumnType.NUMBER,
        NumberFormat(decimal=mark, grouping=grouping, sign=sign or None),
        f"{example!r} is read as {_plain(example, mark, sign)}",
    )


_SPACES = re.compile(_SPACE)


def _plain(text: str, mark: str, sign: str = "") -> str:
    bare = _SPACES.sub("", text.replace(sign, "") if sign else text).strip()
    return bare.replace(",", "") if mark == "." else bare.replace(".", "").replace(",", ".")


def plain_number(text: str, written: NumberFormat) -> str | None:
    """The number of a text with a decimal point and nothing else; None if it is no such number.

    A function of the text and the column's format alone.
    """
    form = form_of(text, missing=())
    if form.kind not in NUMBERS or form.sign not in ("", written.sign or ""):
        return None
    if written.sign is not None and form.sign != written.sign:
        return None
    allowed = {Kind.INTEGER, Kind.CODE, Kind.INFINITE} | (
        {Kind.POINT, Kind.POINT_THREE} if written.decimal == "." else {Kind.COMMA, Kind.COMMA_THREE}
    )
    if written.grouping == " ":
        allowed |= {Kind.SPACE_GROUPS}
    elif written.grouping is not None:
        allowed |= (
            {Kind.COMMA_THREE, Kind.COMMA_GROUPS}
            if written.decimal == "."
            else {Kind.POINT_THREE, Kind.POINT_GROUPS}
        )
    if form.kind not in allowed:
        return None
    return _plain(text, written.decimal, form.sign)
