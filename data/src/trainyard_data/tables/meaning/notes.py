"""What is said about a table: guesses, and what is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from trainyard_api.datasets.choices import ColumnType, SchemaChoices
from trainyard_api.datasets.schema import ColumnRole, TableDialect
from trainyard_data.tables.meaning.roles import NUMBER_TYPES, Found
from trainyard_data.tables.values.forms import NUMBERS, Kind

SHOWN = 20
"""Columns that a sentence names."""
EXACT = 2**53
"""Largest integer up to which every one differs from its neighbours as a float64."""


def of_table(
    columns: Sequence[Found], dialect: TableDialect | None, choices: SchemaChoices
) -> list[str]:
    """A sentence for each kind of guess."""
    return [
        *_of_dialect(dialect, len(columns)),
        *_of_columns(columns),
        *_of_missing_texts(columns, choices),
    ]


def _of_dialect(dialect: TableDialect | None, columns: int) -> Iterator[str]:
    if dialect is None:
        return
    if dialect.delimiter != ",":
        yield f"The values are separated by {_NAMES.get(dialect.delimiter, dialect.delimiter)}."
    if not dialect.header:
        yield (
            f"The file has no header: its first line is a row, and its columns are called column 1"
            f" to column {columns}."
        )
    if dialect.skip_lines:
        yield f"Lines before the header are left out: {dialect.skip_lines}."


_NAMES = {"\t": "tabs", ";": "semicolons (;)", "|": "bars (|)", " ": "spaces"}


def _of_columns(columns: Sequence[Found]) -> Iterator[str]:
    unused = [c for c in columns if c.ignored]
    if unused:
        yield f"Not used: {_listed([f'{c.name!r} ({c.schema.reason})' for c in unused])}."
    for column in columns:
        if not column.ignored:
            yield from _of_column(column)


def _of_missing_texts(columns: Sequence[Found], choices: SchemaChoices) -> Iterator[str]:
    """What stands for a missing value in columns of texts, and who says so."""
    used = [c for c in columns if not c.ignored]
    seen = [c for c in used if c.missing]
    if not seen:
        return
    texts = sorted({text for c in seen for text in c.missing})
    where = _listed([f"{c.name!r} (in {sum(c.missing.values())} rows)" for c in seen])
    stands = f"{_listed([repr(t) for t in texts])} stands for a missing value"
    if choices.missing is not None:
        yield f"{stands} in columns of texts, as was chosen: {where}."
        return
    proofs = [
        repr(c.name)
        for c in columns
        if c.schema.type in NUMBER_TYPES and not set(texts).isdisjoint(c.schema.missing_values)
    ]
    yield (
        f"{stands} beside the numbers of {_listed(proofs)}, so it does in columns of texts, too:"
        f" {where}. If it is a value there, choose --missing ''."
    )


def _of_column(column: Found) -> Iterator[str]:
    schema, profile = column.schema, column.profile
    if schema.reason:
        yield f"Column {column.name!r} is read as {schema.type}: {schema.reason}."
    if schema.type in NUMBER_TYPES and schema.missing_values:
        texts = _listed([repr(text) for text in schema.missing_values])
        rows = profile.count({Kind.MISSING})
        yield f"Column {column.name!r}: {texts} stands for a missing value, in {rows} rows."
    if schema.type not in NUMBER_TYPES and profile.missing:
        texts = _listed([repr(text) for text in sorted(profile.missing)])
        yield (
            f"Column {column.name!r} is a column of texts: {texts} is a value there, not a missing"
            f" one."
        )
    if schema.role == ColumnRole.FEATURE:
        yield from _of_digits(column)
    if schema.role == ColumnRole.TARGET and schema.missing:
        yield (
            f"Rows without a value of the target {column.name!r} are left out of a training:"
            f" {schema.missing}."
        )
    if schema.role == ColumnRole.TARGET and schema.distinct == 1:
        yield f"The target {column.name!r} has the same value in all rows."


_NUMBER_AND_MORE = re.compile(r"[^\w\s]{0,2}\s*\d[\d.,]*\s*\D{0,6}")


def _of_digits(column: Found) -> Iterator[str]:
    """Where numbers of a feature become texts, or long numbers lose digits."""
    name, profile, kind = column.name, column.profile, column.schema.type
    if kind == ColumnType.INTEGER and profile.largest[0] >= EXACT:
        yield (
            f"Column {name!r} holds integers of more than 15 digits, such as"
            f" {profile.largest[2].strip()[:80]!r}: as numbers, neighbours become equal. If they"
            f" are names, choose the type text for it."
        )
    if kind != ColumnType.TEXT or column.schema.reason:
        return
    words, typed = profile.words, profile.count(NUMBERS | {Kind.BOOLEAN})
    if words and all(_NUMBER_AND_MORE.fullmatch(text.strip()) for text in words):
        word = min(words, key=lambda text: (len(text), text))[:80]
        yield (
            f"Column {name!r} is a column of texts: {word!r} is not a number, and each different"
            f" text is a category."
        )
    elif typed:
        yield (
            f"Column {name!r} is a column of texts, of which {typed} are numbers, true or false:"
            f" each different text is a category."
        )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
