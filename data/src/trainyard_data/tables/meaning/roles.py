"""What each column is used for, and why one cannot be used."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from trainyard_api.datasets.choices import MAX_CATEGORIES, ColumnType, SchemaChoices
from trainyard_api.datasets.schema import ColumnRole, ColumnSchema
from trainyard_data.tables.values.column_types import Decision, column_type
from trainyard_data.tables.values.convert import CORRECT, LARGEST, too_large
from trainyard_data.tables.values.forms import NUMBERS, Form, Kind
from trainyard_data.tables.values.profile import Counted, Profile

FEW_ROWS = 12
"""Rows up to which texts that all differ say nothing."""
FEW_WORDS = 5
"""Different texts up to which they stand for something else among numbers."""
MOSTLY = 0.9
"""Share of numbers in a column from which a text among them is a mistake."""
NO_VALUES = "it has no values"
NUMBER_TYPES = frozenset({ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.BOOLEAN})


@dataclass(frozen=True, slots=True)
class Problem:
    """A value that cannot be used. `row` counts from 0; None: the column as a whole."""

    column: str
    row: int | None
    cause: str
    hint: str
    of_features: bool = False
    """Whether it is none where the column is the target."""


@dataclass(frozen=True, slots=True)
class Context:
    """What is known of a table beside the values of one column."""

    choices: SchemaChoices
    missing: frozenset[str] = frozenset()
    """Texts that stand for a missing value in columns of texts."""
    decimal: str | None = None
    """The decimal mark that other columns prove."""
    comma_hint: str = "."
    """The decimal mark to assume where nothing proves one."""
    categories: frozenset[str] = frozenset()
    """Columns whose writer declared a list of texts."""
    unused: Mapping[str, str] = field(default_factory=dict)
    """Columns that the format sets apart, such as an index, each with the reason."""


@dataclass(frozen=True, slots=True)
class Found:
    """A column, and what is wrong with it if it is to be used."""

    schema: ColumnSchema
    profile: Profile
    problem: Problem | None = None
    missing: Mapping[str, int] = field(default_factory=dict)
    """Of a column of texts: rows of each text that stands for a missing value."""
    set_apart: bool = False
    """Whether a user or the format says that it holds no data."""

    @property
    def name(self) -> str:
        """Its name."""
        return self.schema.name

    @property
    def ignored(self) -> bool:
        """Whether it is not used."""
        return self.schema.role == ColumnRole.IGNORED


def find(name: str, profile: Profile, context: Context) -> Found:
    """The column as it is used where no target is chosen yet."""
    if name in context.choices.ignore:
        reason = "it is to be ignored"
        schema = ColumnSchema(name=name, type="other", role=ColumnRole.IGNORED, reason=reason)
        return Found(schema, profile, set_apart=True)
    decided = _decided(name, profile, context)
    kind = context.choices.types.get(name, decided.type)
    numeric = kind in NUMBER_TYPES
    missing = {} if numeric else profile.rows_of(context.missing)
    profile = profile if numeric else profile.without(context.missing)
    unused = context.unused.get(name) or _unused(name, kind, profile, name in context.choices.types)
    problem = _problem(name, kind, decided, profile, context)
    return Found(
        ColumnSchema(
            name=name,
            type=kind,
            role=ColumnRole.IGNORED if unused and not problem else ColumnRole.FEATURE,
            numbers=decided.numbers if numeric else None,
            missing=missing_rows(profile, numeric),
            missing_values=sorted(profile.missing if numeric else context.missing),
            distinct=_distinct(profile, numeric),
            reason=unused or decided.reason,
        ),
        profile,
        None if name in context.unused else problem,
        missing,
        set_apart=name in context.unused,
    )


def decided_type(name: str, profile: Profile, context: Context) -> str:
    """The chosen type of a column, or the one that its values have."""
    return context.choices.types.get(name) or _decided(name, profile, context).type


def _decided(name: str, profile: Profile, context: Context) -> Decision:
    examples = {form: seen.example or seen.text for form, seen in profile.forms.items()}
    kinds = {form.kind for form in examples}
    if name in context.categories and kinds & (NUMBERS | {Kind.BOOLEAN}):
        return Decision(ColumnType.TEXT, reason="its writer declared a list of texts")
    decimal = context.choices.decimal or context.decimal
    decided = column_type(examples, decimal, context.comma_hint)
    if decided.type is ColumnType.INTEGER and profile.largest[0] > LARGEST:
        reason = "its integers have more than 38 digits"
        return Decision(ColumnType.TEXT, reason=reason, codes=True)
    return decided


def missing_rows(profile: Profile, numeric: bool) -> int:
    """Rows without a value: of numbers also those with a text such as NA."""
    empty = profile.empty.count if profile.empty else 0
    return empty + (profile.count({Kind.MISSING}) if numeric else 0)


def _distinct(profile: Profile, numeric: bool) -> int | None:
    if profile.distinct is None:
        return None
    return len(profile.distinct - profile.missing.keys() if numeric else profile.distinct)


_COUNTING = re.compile(
    r"(row|obs|observation)?[ ._]?(id|names?|no\.?|nr\.?|num|number|index|idx|instant)?|.*[ ._]id|.+I[dD]|rank|#",
)


def _unused(name: str, kind: str, profile: Profile, chosen: bool) -> str | None:
    """Why the column is not used; None if it is."""
    if not profile.forms or profile.count(set(Kind) - {Kind.MISSING}) == 0 and not chosen:
        return NO_VALUES
    if kind in NUMBER_TYPES:
        if profile.is_row_number() and profile.rows > 2 and counts_rows(name) and not chosen:
            return "it numbers the rows"
        return None
    if kind != ColumnType.TEXT:
        return f"it holds {_HELD[ColumnType(kind)]}"
    count = len(profile.distinct) if profile.distinct is not None else None
    if chosen or (
        count is not None and count <= MAX_CATEGORIES and not _names_rows(count, profile)
    ):
        return None
    if count is not None and count <= MAX_CATEGORIES:
        return f"it holds {count} different texts in {profile.rows} rows, as an identifier does"
    shown = str(count) if count is not None else "more than 1,000"
    return f"it holds {shown} different texts, more than the {MAX_CATEGORIES} of a category"


def _names_rows(count: int, profile: Profile) -> bool:
    """Whether texts differ from row to row, so that no training learns from them."""
    return profile.rows >= FEW_ROWS and count > profile.rows / 2


_HELD = {
    ColumnType.DATE: "dates",
    ColumnType.TIMESTAMP: "times",
    ColumnType.OTHER: "lists, objects, bytes or durations",
}


_IDENTIFIER = re.compile(r"(?i:id|.*[_ .]id)|.+I[dD]")


def is_identifier(name: str) -> bool:
    """Whether a column of this name holds identifiers."""
    return bool(_IDENTIFIER.fullmatch(name))


def counts_rows(name: str) -> bool:
    """Whether a column of this name that counts 1, 2, 3 … numbers the rows."""
    return bool(_COUNTING.fullmatch(name) or _COUNTING.fullmatch(name.lower()))


def _problem(
    name: str, kind: str, decided: Decision, profile: Profile, context: Context
) -> Problem | None:
    if kind in NUMBER_TYPES:
        return _wrong_type(name, kind, profile, context) or _too_large(name, profile)
    if name in context.choices.types:
        return _too_many(name, profile) if kind == ColumnType.TEXT else None
    if kind != ColumnType.TEXT or name in context.categories:
        return None
    return _odd_text(name, decided, profile)


def _wrong_type(name: str, kind: str, profile: Profile, context: Context) -> Problem | None:
    """A value that is not of the type that a user chose."""
    if name not in context.choices.types:
        return None
    fitting = {
        ColumnType.INTEGER: NUMBERS - {Kind.POINT, Kind.COMMA, Kind.INFINITE},
        ColumnType.BOOLEAN: {Kind.BOOLEAN, Kind.INTEGER},
    }.get(ColumnType(kind), NUMBERS)
    wrong = _first(profile, set(Kind) - set(fitting) - {Kind.MISSING})
    if wrong is None:
        return None
    return Problem(name, wrong.row, f"{wrong.text[:80]!r} is not of the type {kind}", "")


def _too_many(name: str, profile: Profile) -> Problem | None:
    if profile.distinct is not None and len(profile.distinct) <= MAX_CATEGORIES:
        return None
    shown = len(profile.distinct) if profile.distinct is not None else "more than 1,000"
    cause = f"it holds {shown} different texts; a category has at most {MAX_CATEGORIES}"
    return Problem(name, None, cause, f"leave it out: --ignore {name!r}", of_features=True)


def _too_large(name: str, profile: Profile) -> Problem | None:
    infinite = profile.forms.get(Form(Kind.INFINITE))
    if infinite is not None:
        return Problem(name, infinite.row, too_large(infinite.text, float("inf")), CORRECT)
    size, row, text = profile.largest
    if size <= LARGEST:
        return None
    return Problem(name, row, too_large(text, size), CORRECT)


def _odd_text(name: str, decided: Decision, profile: Profile) -> Problem | None:
    """A text in a column of numbers, or a number that is written in an unknown way."""
    if decided.codes:
        return None
    known = profile.count(set(Kind) - {Kind.MISSING})
    numbers, odd = profile.count(NUMBERS), profile.count({Kind.ODD})
    count = None if profile.distinct is None else len(profile.distinct)
    many = count is None or count > MAX_CATEGORIES or _names_rows(count, profile)
    if numbers == known:
        return _mixed(name, decided, profile)
    few = len(profile.words) <= FEW_WORDS
    mostly = numbers >= MOSTLY * known or (many and few and numbers > known / 2)
    if mostly:
        wrong = _first(profile, set(Kind) - NUMBERS - {Kind.MISSING})
    elif many and numbers + odd >= MOSTLY * known:
        wrong = _first(profile, {Kind.ODD})
    else:
        return None
    if wrong is None:
        return None
    shown = wrong.text[:80]
    cause = f"{shown!r} is not a number"
    if shown == name:
        cause += "; does the header stand among the rows again?"
    hint = f"correct it, or choose --missing {shown!r}, --set {name!r}=text or --ignore {name!r}"
    return Problem(name, wrong.row, cause, hint)


def _mixed(name: str, decided: Decision, profile: Profile) -> Problem:
    first = {form: seen for form, seen in profile.forms.items() if form.kind in NUMBERS}
    shown = sorted(first.values(), key=lambda seen: seen.row)
    row = shown[-1].row if shown else 0
    texts = ", ".join(repr(seen.text[:40]) for seen in shown[:3])
    hint = f"write all numbers alike, or choose --set {name!r}=text or --ignore {name!r}"
    return Problem(name, row, f"{decided.reason} ({texts})", hint)


def _first(profile: Profile, kinds: set[Kind]) -> Counted | None:
    found = [seen for form, seen in profile.forms.items() if form.kind in kinds]
    return min(found, key=lambda seen: seen.row, default=None)
