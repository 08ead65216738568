"""The values of a table's columns, as its schema says."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainyard_api.datasets.choices import ColumnType
from trainyard_api.datasets.schema import DatasetSchema, NumberFormat
from trainyard_data.errors import BadChoice, BadData
from trainyard_data.tables import column_cache
from trainyard_data.tables.columns import Column, from_table
from trainyard_data.tables.files.csv_file import CsvTable, open_csv
from trainyard_data.tables.files.json_lines import JsonLines
from trainyard_data.tables.files.parquet_file import ParquetTable
from trainyard_data.tables.files.source import WORKERS, Batch, Source, in_order
from trainyard_data.tables.meaning.missing import beside_numbers
from trainyard_data.tables.meaning.roles import NUMBER_TYPES
from trainyard_data.tables.values.bad_cell import BadCell
from trainyard_data.tables.values.convert import Reading, to_numbers, to_texts


def read(
    path: Path,
    file_format: str,
    schema: DatasetSchema,
    wanted: Collection[str] | None = None,
    *,
    as_texts: Collection[str] = (),
    cache: Path | None = None,
) -> dict[str, Column]:
    """The columns of the file that `schema` describes, in the order of the schema.

    `wanted`: names of columns; None: all that are not ignored. No other column is parsed.
    Integers, numbers and booleans are a NumberColumn (true is 1), all others a TextColumn.
    `as_texts`: columns to read as a TextColumn of what is written, such as the target of a
    classification. `cache`: file for this content only. It is mapped if it holds the same reading;
    else a thread writes it. Raises BadData with row and column, BadChoice for an unknown column.
    """
    chosen = _chosen(schema, wanted)
    uses = _uses(schema, chosen, as_texts)
    key = _key(schema, chosen, as_texts)
    kept = column_cache.load(cache, key) if cache is not None else None
    if kept is None:
        source = open_source(path, file_format, schema, uses)
        kept = _table(source, chosen, uses)
        if cache is not None:
            column_cache.keep(kept, cache, key)
    return from_table(kept)


def read_for_model(
    path: Path,
    file_format: str,
    schema: DatasetSchema,
    wanted: Collection[str],
    *,
    as_texts: Collection[str] = (),
) -> dict[str, Column]:
    """The columns of another file than the one that `schema` describes, read in its way.

    The file may have another separator and order of columns; types, missing texts and the way of
    writing numbers are those of the schema. A value means the same beside all others.
    Columns that the file does not have are not in the result. Raises BadData as `read`.
    """
    source = open_for_model(path, file_format, schema, frozenset(wanted))
    names = getattr(source, "names", None)
    chosen = [n for n in wanted if names is None or n in names]
    return from_table(_table(source, chosen, _uses(schema, chosen, as_texts)))


def _chosen(schema: DatasetSchema, wanted: Collection[str] | None) -> list[str]:
    names = [c.name for c in schema.columns]
    unknown = [n for n in wanted or () if n not in names]
    if unknown:
        raise BadChoice(f"there is no column {unknown[0]!r}; the columns are {names}")
    if wanted is None:
        return [c.name for c in schema.columns if c.role != "ignored"]
    return [n for n in names if n in wanted]


@dataclass(frozen=True, slots=True)
class _Use:
    """How a column is read."""

    reading: Reading | None
    """None: a column of texts, in which only an empty text is missing."""
    as_texts: bool
    """Whether the texts are wanted as they are written."""

    @property
    def is_plain_number(self) -> bool:
        """Whether a number that Arrow's parsers take means the same here."""
        return not self.as_texts and self.reading is not None and self.reading.is_plain

    def convert(self, values: Any) -> Any:
        """An Arrow array of numbers, or a dictionary of texts. Raises BadCell."""
        if self.reading is None or self.as_texts:
            return to_texts(values, self.reading)
        return to_numbers(values, self.reading)


def _uses(
    schema: DatasetSchema, chosen: Collection[str], as_texts: Collection[str]
) -> dict[str, _Use]:
    missing = beside_numbers(schema.choices)
    found = dict.fromkeys(chosen, _Use(None, True))
    for column in schema.columns:
        if column.name not in found:
            continue
        if column.type in NUMBER_TYPES:
            kind, written = ColumnType(column.type), column.numbers or NumberFormat()
            reading = Reading(kind, written, missing)
            found[column.name] = _Use(reading, column.name in as_texts)
        elif absent := frozenset(column.missing_values) | (missing or frozenset()):
            texts = Reading(ColumnType.TEXT, missing=absent)
            found[column.name] = _Use(texts, True)
    return found


def _key(schema: DatasetSchema, chosen: list[str], as_texts: Collection[str]) -> str:
    """Names a reading: the same file read in the same way gives the same columns."""
    types = {
        c.name: c.model_dump(include={"type", "numbers", "missing_values"}) for c in schema.columns
    }
    dialect = schema.dialect.model_dump() if schema.dialect else None
    parts = [chosen, sorted(as_texts), {n: types[n] for n in chosen}, schema.choices.missing]
    return json.dumps([*parts, dialect])


def open_source(
    path: Path,
    file_format: str,
    schema: DatasetSchema,
    uses: Mapping[str, _Use] | None = None,
) -> Source:
    """The file that the schema describes."""
    match file_format:
        case "csv" if schema.dialect is not None:
            plain = [n for n, use in (uses or {}).items() if use.is_plain_number]
            return CsvTable(path, schema.dialect, [c.name for c in schema.columns], numbers=plain)
        case "csv":
            return open_csv(path)
        case "parquet":
            return ParquetTable(path)
        case _:
            return JsonLines(path, _arrow_types(uses or {}))


def _arrow_types(uses: Mapping[str, _Use]) -> dict[str, Any]:
    """The types in which Arrow gives the same values as a look at each; empty if some has none."""
    import pyarrow as pa

    found = {}
    for name, use in uses.items():
        kind = use.reading.type if use.reading else ColumnType.TEXT
        if kind is ColumnType.NUMBER and use.as_texts:
            return {}
        number = pa.int64() if use.as_texts else pa.float64()
        named = {ColumnType.BOOLEAN: pa.bool_(), ColumnType.TEXT: pa.string()}
        found[name] = named.get(kind, number)
    return found


def open_for_model(
    path: Path, file_format: str, schema: DatasetSchema, expected: frozenset[str]
) -> Source:
    """Another file with the same columns."""
    if file_format != "csv":
        return open_source(path, file_format, schema)
    header = False if schema.dialect is not None and not schema.dialect.header else None
    return open_csv(path, None, header, expected)


def _table(source: Source, chosen: list[str], uses: dict[str, _Use]) -> Any:
    import pyarrow as pa

    parts: dict[str, list[Any]] = {name: [] for name in chosen}
    rows = 0
    for count, columns in _converted(source, chosen, uses):
        rows += count
        for name in chosen:
            parts[name].append(columns[name])
    if rows == 0:
        raise BadData("the file has no rows")
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="table") as pool:
        joined = list(pool.map(_joined, parts.values()))
    return pa.table(dict(zip(parts, joined, strict=True)))


def _joined(arrays: list[Any]) -> Any:
    """One array of the values of all parts."""
    import pyarrow as pa

    chunked = pa.chunked_array(arrays)
    if pa.types.is_dictionary(chunked.type):
        chunked = chunked.unify_dictionaries()
    return chunked.combine_chunks()


def _converted(
    source: Source, chosen: list[str], uses: dict[str, _Use]
) -> Iterator[tuple[int, dict[str, Any]]]:
    def convert(batch: Batch) -> tuple[int, dict[str, Any], BadCell | None]:
        columns = dict[str, Any]()
        for name in chosen:
            try:
                columns[name] = _column(batch, name, uses[name])
            except BadCell as error:
                if batch.as_written is not None:
                    return convert(batch.as_written())
                error.column = name
                return batch.rows, {}, error
        return batch.rows, columns, None

    before = 0
    for count, columns, error in in_order(source.parts(chosen), convert):
        if error is not None:
            raise BadData(
                f"{source.place(before + error.row)}, column {error.column!r}: {error.cause}",
                error.hint,
            )
        before += count
        yield count, columns


def _column(batch: Batch, name: str, use: _Use) -> Any:
    import pyarrow as pa

    values = batch.columns.get(name)
    if values is None:
        values = pa.nulls(batch.rows, pa.string())
    return use.convert(values)
