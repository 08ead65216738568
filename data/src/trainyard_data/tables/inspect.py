"""The schema of a table."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from trainyard_api.datasets.choices import ColumnType, SchemaChoices
from trainyard_api.datasets.schema import ColumnRole, ColumnSchema, DatasetSchema
from trainyard_data.errors import BadChoice, BadData
from trainyard_data.tables import target as targets
from trainyard_data.tables.csv_file import CsvTable, open_csv
from trainyard_data.tables.forms import NUMBERS, Kind, column_type
from trainyard_data.tables.json_lines import JsonLines
from trainyard_data.tables.parquet_file import ParquetTable
from trainyard_data.tables.profile import Profile, empty_rows
from trainyard_data.tables.profiling import profile
from trainyard_data.tables.read import NUMBER_TYPES
from trainyard_data.tables.source import Batch, Source, in_order

MAX_CATEGORIES = 64
"""A text column with more different values is an identifier or free text, no category."""


def inspect(path: Path, file_format: str, choices: SchemaChoices) -> DatasetSchema:
    """The schema of a CSV, JSONL or Parquet file. Raises BadData or BadChoice."""
    source = _open(path, file_format, choices)
    profiles = _profiles(source, choices)
    _check_names(choices, list(profiles))
    table = _Table(source, profiles, choices)
    return table.schema()


def _open(path: Path, file_format: str, choices: SchemaChoices) -> Source:
    if file_format == "csv":
        return open_csv(path, choices.delimiter, choices.header)
    return ParquetTable(path) if file_format == "parquet" else JsonLines(path)


def _check_names(choices: SchemaChoices, names: list[str]) -> None:
    given = [*choices.ignore, *choices.types, *([choices.target] if choices.target else [])]
    for name in given:
        if name not in names:
            raise BadChoice(f"there is no column {name!r}; the columns are {names[:50]}")
    if choices.target in choices.ignore:
        raise BadChoice(f"the target {choices.target!r} is also to be ignored")


def _profiles(source: Source, choices: SchemaChoices) -> dict[str, Profile]:
    """The profile of each column; of those to be ignored only the name."""
    names: list[str] | None = getattr(source, "names", None)
    ignored = frozenset(choices.ignore)
    wanted = None if names is None else [n for n in names if n not in ignored]

    def work(batch: Batch) -> tuple[int, dict[str, Profile]]:
        return batch.rows, {
            name: Profile(rows=batch.rows) if name in ignored else profile(values, choices.missing)
            for name, values in batch.columns.items()
        }

    found: dict[str, Profile] = {}
    rows = 0
    for count, parts in in_order(source.parts(wanted), work):
        for name in [n for n in parts if n not in found]:
            found[name] = empty_rows(rows)
        for name in found:
            found[name] = found[name].plus(parts.get(name) or empty_rows(count))
        rows += count
    if rows == 0:
        raise BadData("the file has no rows")
    order = names if names is not None else list(found)
    return {name: found.get(name, Profile(rows=rows)) for name in order}


@dataclass(frozen=True, slots=True)
class _Table:
    source: Source
    profiles: dict[str, Profile]
    choices: SchemaChoices

    def schema(self) -> DatasetSchema:
        rows = next(iter(self.profiles.values())).rows
        columns = [self._column(name) for name in self.profiles]
        used = [c.name for c in columns if c.role != ColumnRole.IGNORED]
        chosen = (
            targets.Target(self.choices.target, "it was chosen")
            if self.choices.target
            else targets.choose(used, used)
        )
        if chosen is None or len({*used, chosen.name}) < 2:
            raise BadData(
                "a table needs a target and at least one feature;"
                f" of the columns {list(self.profiles)[:50]} these can be used: {used}"
            )
        columns = [
            c.model_copy(update={"role": ColumnRole.TARGET.value}) if c.name == chosen.name else c
            for c in columns
        ]
        dialect = self.source.dialect if isinstance(self.source, CsvTable) else None
        return DatasetSchema(
            samples=rows,
            dimensions=[rows, len(columns)],
            columns=columns,
            target=chosen.name,
            target_reason=chosen.reason,
            classes=self._classes(chosen.name, rows),
            dialect=dialect,
            choices=self.choices,
        )

    def _column(self, name: str) -> ColumnSchema:
        found = self.profiles[name]
        if name in self.choices.ignore:
            return ColumnSchema(
                name=name, type=ColumnType.OTHER, role=ColumnRole.IGNORED, reason="as was chosen"
            )
        decided = column_type(
            {form: seen.text for form, seen in found.forms.items()}, self.choices.decimal
        )
        kind = self.choices.types.get(name, decided.type)
        return ColumnSchema(
            name=name,
            type=kind,
            role=ColumnRole.FEATURE if self._usable(name, kind) else ColumnRole.IGNORED,
            numbers=decided.numbers,
            missing=(found.empty.count if found.empty else 0)
            + (found.count({Kind.MISSING}) if kind in NUMBER_TYPES else 0),
            missing_values=sorted(found.missing) if kind in NUMBER_TYPES else [],
            distinct=len(found.distinct) if found.distinct is not None else None,
            reason=decided.reason,
        )

    def _usable(self, name: str, kind: str) -> bool:
        found = self.profiles[name]
        if kind in NUMBER_TYPES:
            return bool(found.count(NUMBERS | {Kind.BOOLEAN}))
        if kind != ColumnType.TEXT:
            return False
        return found.distinct is not None and 0 < len(found.distinct) <= MAX_CATEGORIES

    def _classes(self, name: str, rows: int) -> list[str] | None:
        found = self.profiles[name].distinct
        if found is None or len(found) > max(100, rows // 2):
            return None
        return sorted_classes(found)


def sorted_classes(texts: Collection[str]) -> list[str]:
    """Classes in the order of their numbers if all are numbers, else of their texts."""
    try:
        return sorted(texts, key=lambda text: (float(text), text))
    except ValueError:
        return sorted(texts)
