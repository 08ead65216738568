"""A dataset and its schema as tables. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Final

from trainyard.cli.text import formats
from trainyard.cli.text.table import Column, Table, make_table

if TYPE_CHECKING:
    from trainyard.models import Dataset, SchemaSummary
    from trainyard_api.datasets.schema import ColumnSchema, DatasetSchema

CLASSES_SHOWN: Final = 20
COLUMNS_SHOWN: Final = 200
LONGEST_NAME: Final = 60
_MARKS: Final = {"\t": "tab"}


def facts(found: Dataset, now: datetime) -> Table:
    """The first table of `datasets info`: everything but the columns."""
    schema = found.details
    rows = [
        ("name", found.name),
        ("format", found.format),
        ("samples", f"{schema.samples:,}"),
        ("dimensions", dimensions(schema)),
        ("size", formats.size(found.size_bytes)),
        ("sha256", found.sha256),
        ("age", formats.since(found.created, now)),
        *_reading(schema),
        *(("note", note) for note in schema.notes),
    ]
    columns: list[Column[tuple[str, str]]] = [
        Column("FIELD", lambda p: p[0]),
        Column("VALUE", lambda p: p[1]),
    ]
    return make_table(columns, rows, wide=True, empty="")


def columns(schema: DatasetSchema) -> Table:
    """The second table of `datasets info`: the columns of a table, the arrays of an archive."""
    shown: list[Column[ColumnSchema]] = [
        Column("COLUMN", lambda c: _cut(c.name)),
        Column("TYPE", lambda c: c.type),
        Column("ROLE", lambda c: c.role or ""),
        Column("MISSING", lambda c: _count(c.missing), right=True),
        Column("DISTINCT", lambda c: _count(c.distinct), right=True),
        Column("WHY", _why),
    ]
    return make_table(shown, schema.columns[:COLUMNS_SHOWN], wide=True, empty="")


def left_out(schema: DatasetSchema) -> str:
    """A sentence on columns that are not shown; empty if there are none."""
    more = len(schema.columns) - COLUMNS_SHOWN
    return f"… and {formats.count(more, 'more column')}; -o json shows them" if more > 0 else ""


def target(schema: DatasetSchema) -> str:
    """The target and why it is the target; empty if there is none."""
    if schema.target is None:
        return ""
    why = f" ({schema.target_reason})" if schema.target_reason else ""
    return f"{_cut(schema.target)}{why}"


def dimensions(schema: DatasetSchema | SchemaSummary) -> str:
    """`1797 × 64`."""
    return " × ".join(map(str, schema.dimensions))


def _reading(schema: DatasetSchema) -> Iterable[tuple[str, str]]:
    if schema.target is not None:
        yield "target", target(schema)
    if schema.classes:
        yield "classes", _classes(schema.classes)
    if (dialect := schema.dialect) is not None:
        mark = _MARKS.get(dialect.delimiter, dialect.delimiter)
        header = "with a header" if dialect.header else "without a header"
        yield "csv", f"separated by {mark}, {header}"
    if (images := schema.images) is not None:
        scaled = f", {images.scaled:,} scaled" if images.scaled else ""
        yield "images", f"{images.channels} × {images.height} × {images.width}{scaled}"
    if made := schema.choices.model_dump(mode="json", by_alias=True, exclude_defaults=True):
        yield "chosen", ", ".join(made)
    yield "revision", str(schema.revision)


def _classes(names: list[str]) -> str:
    shown = ", ".join(_cut(name) for name in names[:CLASSES_SHOWN])
    more = len(names) - CLASSES_SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown


def _why(column: ColumnSchema) -> str:
    missing = ", ".join(repr(text) for text in column.missing_values)
    parts = [column.reason or "", f"missing: {missing}" if missing else ""]
    return "; ".join(part for part in parts if part)


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
