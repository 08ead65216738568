"""The form of a value as it is written. It depends on nothing that stands beside the value."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


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
    """A number with a decimal comma, such as 1,5."""
    POINT_COMMA = "point-comma"
    """Such as 1.234,5."""
    COMMA_THREE = "comma-three"
    """Such as 1,234: 1234 in groups, or a number with a decimal comma."""
    COMMA_GROUPS = "comma-groups"
    """Such as 1,234,567."""
    COMMA_POINT = "comma-point"
    """Such as 1,234.5."""
    SPACE_GROUPS = "space-groups"
    """Such as 1 234 or 1'234."""
    SPACE_POINT = "space-point"
    """Such as 1 234.5."""
    SPACE_COMMA = "space-comma"
    """Such as 1 234,5."""
    INFINITE = "infinite"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    ODD = "odd"
    """A text that a person reads as a number: 12 cm, (0.50), 0x1f, 1.5D+03."""
    TEXT = "text"
    OTHER = "other"
    """A list, an object, bytes, a duration: no text, no number."""


NUMBERS = frozenset(
    {
        Kind.INTEGER, Kind.CODE, Kind.POINT, Kind.POINT_THREE, Kind.POINT_GROUPS, Kind.POINT_COMMA,
        Kind.COMMA, Kind.COMMA_THREE, Kind.COMMA_GROUPS, Kind.COMMA_POINT, Kind.SPACE_GROUPS,
        Kind.SPACE_POINT, Kind.SPACE_COMMA, Kind.INFINITE,
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
        # What spreadsheets write for a formula that failed.
        "#div/0!", "#nv", "#value!", "#wert!", "#valeur!", "#ref!", "#bezug!", "#name?", "#num!",
        "#zahl!", "#nombre!", "#null!",
    }
)  # fmt: skip
"""Texts in lower case that stand for a missing value in a column of numbers."""

SPACE = "[ \u00a0\u202f'\u2019]"
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_DATE = (
    r"(?:\d{4}[-/.]\d\d?[-/.]\d\d?|\d\d?[-/.]\d\d?[-/.]\d{4}|\d\d?/\d\d?/\d\d"
    rf"|\d\d?[- ]?{_MONTH}[- ,]?\ ?\d{{4}}|{_MONTH}\ \d\d?,?\ \d{{4}})"
)
_CLOCK = (
    r"\d\d?:\d\d(?::\d\d(?:[.,]\d+)?)?(?:\ ?(?:AM|PM))?(?:\ ?(?:Z|UTC|GMT|[+-]\d\d:?(?:\d\d)?))?"
)
_EXPONENT = r"(?:[eE][+-]?\d+)?"
_FORMS = re.compile(
    rf"""
      (?P<integer>[+-]?(?:0|[1-9]\d*))
    | (?P<code>[+-]?0\d+)
    | (?P<point_three>[+-]?[1-9]\d{{0,2}}\.\d\d\d)
    | (?P<point>[+-]?(?:(?:\d+\.\d*|\.\d+){_EXPONENT}|\d+[eE][+-]?\d+))
    | (?P<comma_three>[+-]?[1-9]\d{{0,2}},\d\d\d)
    | (?P<comma_groups>[+-]?[1-9]\d{{0,2}}(?:,\d\d\d){{2,}})
    | (?P<comma_point>[+-]?[1-9]\d{{0,2}}(?:,\d\d\d)+\.\d*)
    | (?P<point_comma>[+-]?[1-9]\d{{0,2}}(?:\.\d\d\d)+,\d+)
    | (?P<comma>[+-]?(?:\d+,\d+|,\d+){_EXPONENT})
    | (?P<point_groups>[+-]?[1-9]\d{{0,2}}(?:\.\d\d\d){{2,}})
    | (?P<space_groups>[+-]?[1-9]\d{{0,2}}(?:{SPACE}\d\d\d)+)
    | (?P<space_point>[+-]?[1-9]\d{{0,2}}(?:{SPACE}\d\d\d)+\.\d+)
    | (?P<space_comma>[+-]?[1-9]\d{{0,2}}(?:{SPACE}\d\d\d)+,\d+)
    | (?P<infinite>[+-]?(?:inf|infinity))
    | (?P<boolean>true|false)
    | (?P<date>{_DATE})
    | (?P<timestamp>{_DATE}[ T]{_CLOCK}|\d{{8}}T\d{{4,6}}(?:\.\d+)?Z?)
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_SIGNED = re.compile(r"([+-]?)([$€£¥₹])\s*(.+)|(.+?)\s*([%$€£¥₹])", re.DOTALL)
_ODD = re.compile(
    r"[(+\-\u2212~<>≤≥±]*\s*(?:0x[0-9a-f]+|\d+(?:[.,]\d+)?(?:d[+-]?\d+)?\s*[^\W\d_]{0,6}[%°²³]?)\)?",
    re.IGNORECASE,
)
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
    return Form(Kind.ODD if len(text) < 64 and _ODD.fullmatch(text) else Kind.TEXT)
