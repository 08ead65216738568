"""Which column is predicted where no user says so, and whether it can be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from trainyard_api.datasets.choices import FEW_CLASSES, MAX_CLASSES, ColumnType
from trainyard_data.tables.meaning.roles import (
    NUMBER_TYPES,
    Found,
    Problem,
    counts_rows,
    is_identifier,
    missing_rows,
)

TARGET_NAMES = ("target", "label", "class", "y")
"""Names, in any case, that a target has; the first that is there."""
_RARE = re.compile(r"(year|yr|decade|month|date|datetime|day|time|timestamp)", re.IGNORECASE)
"""Names of columns that are rarely predicted."""
_DURATION = re.compile(r"(month|day|time)", re.IGNORECASE)
"""Those that hold how long something took, if they have decimals."""
MANY = 20
"""Different values from which a column called id is no target."""


@dataclass(frozen=True, slots=True)
class Target:
    """The chosen column, and why."""

    name: str
    reason: str
    guessed: bool = False
    """Whether only its place speaks for it."""


def choose(names: Sequence[str]) -> Target | None:
    """The target among the columns that may be one, in their order."""
    lowered = {name.lower(): name for name in reversed(names)}
    for wanted in TARGET_NAMES:
        name = wanted if wanted in names else lowered.get(wanted)
        if name is not None and not (wanted == "y" and "x" in lowered):
            return Target(name, f"it is called {name!r}")
    return Target(names[-1], "it is the last column", guessed=True) if names else None


def problem(found: Found, target: Target) -> Problem | None:
    """Why the column cannot be predicted; None if it can."""
    name, profile, kind = found.name, found.profile, found.schema.type
    numeric = kind in NUMBER_TYPES
    absent = missing_rows(profile, numeric)
    if target.guessed and absent > profile.rows / 2:
        cause = f"the last column {name!r} has no value in {absent} of {profile.rows} rows"
        return Problem(name, None, cause, _NAMED)
    unlike = _unlikely(found) if target.guessed else None
    if unlike is not None:
        return Problem(name, None, f"the last column {unlike}", _OTHER)
    if kind == ColumnType.OTHER:
        return Problem(name, None, "the target holds no numbers and no texts", _OTHER)
    if absent == profile.rows:
        return Problem(name, None, "the target is missing in all rows", _OTHER)
    return _few_or_many(found)


_NAMED = "name the column to predict: --target NAME"
_OTHER = "choose another column: --target NAME"


def most_classes(rows: int) -> int:
    """Classes that a table of so many rows may have."""
    return min(MAX_CLASSES, max(FEW_CLASSES, rows // 2))


def _few_or_many(found: Found) -> Problem | None:
    name, profile, kind = found.name, found.profile, found.schema.type
    distinct = profile.distinct
    if distinct is not None and len(distinct) == 1 and kind != ColumnType.NUMBER:
        (value,) = distinct
        return Problem(name, None, f"the target has the one value {value!r} in all rows", _OTHER)
    if kind in NUMBER_TYPES:
        return None
    most = most_classes(profile.rows)
    few = distinct is not None and len(distinct) <= most
    rows = profile.rows - missing_rows(profile, numeric=False)
    if few and (rows < 3 or len(distinct or ()) < rows):
        return None
    shown = f"{len(distinct)}" if distinct is not None else f"more than {MAX_CLASSES}"
    what = "dates or times" if kind != ColumnType.TEXT else "texts"
    cause = f"the target has {shown} different {what} in {profile.rows} rows, too many for classes"
    return Problem(name, None, cause, _OTHER)


def _unlikely(found: Found) -> str | None:
    """What a last column is that is rarely meant to be predicted."""
    profile, name = found.profile, found.name
    if profile.is_row_number() and profile.rows >= 10:
        return f"{name!r} numbers the rows, so it is no target"
    all_different = profile.distinct is not None and len(profile.distinct) == profile.rows
    numeric = found.schema.type in NUMBER_TYPES
    if numeric and all_different and profile.rows >= 10 and counts_rows(name):
        return f"{name!r} has another value in each row, as an identifier has"
    many = profile.distinct is None or len(profile.distinct) > MANY
    if numeric and many and is_identifier(name):
        return f"{name!r} seems to hold identifiers, which are rarely what is predicted"
    lasting = found.schema.type == ColumnType.NUMBER and _DURATION.fullmatch(name)
    if _RARE.fullmatch(name) and not lasting:
        return f"{name!r} seems to hold times, which are rarely what is predicted"
    return None
