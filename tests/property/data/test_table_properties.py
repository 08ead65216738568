"""Tables: what is written is read, in any dialect, in any order, and beside anything."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainyard_api.datasets.choices import SchemaChoices
from trainyard_api.datasets.schema import DatasetSchema
from trainyard_data import tables
from trainyard_data.inspection import inspect
from trainyard_data.tables import Column, TextColumn

EXAMPLES = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
Cell = str | None
Table = dict[str, list[Cell]]

NUMBERS = st.one_of(
    st.integers(-(10**18), 10**18).map(str),
    st.floats(-1e30, 1e30, allow_nan=False).map(repr),
    st.sampled_from(["1.50", "-0", "+3", "1e5", "0.0"]),
)
CODES = st.from_regex(r"0[0-9]{2,5}", fullmatch=True)
BOOLEANS = st.sampled_from(["true", "false", "True", "FALSE"])
WORDS = st.text(
    st.one_of(
        st.sampled_from(" ,;|\t\"'\näßλ€%#=-"), st.characters(codec="utf-8", categories="LN")
    ),
    max_size=12,
).map(lambda text: "t" + text.strip())
KINDS: dict[str, st.SearchStrategy[str]] = {
    "number": NUMBERS,
    "code": CODES,
    "boolean": BOOLEANS,
    "word": WORDS,
}


@st.composite
def written_tables(draw: st.DrawFn) -> Table:
    """A table of two classes: each column is of one kind, with some values missing."""
    rows = draw(st.integers(2, 10))
    table: Table = {}
    for place, kind in enumerate(
        draw(st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=4))
    ):
        values: st.SearchStrategy[Cell] = KINDS[kind]
        if draw(st.booleans()):
            values = st.one_of(st.none(), KINDS[kind])
        cells = draw(st.lists(values, min_size=rows, max_size=rows))
        cells[0] = draw(KINDS[kind])
        table[f"{kind}{place}"] = cells
    table["target"] = [("p", "q")[i % 2] for i in range(rows)]
    return table


@st.composite
def dialects(draw: st.DrawFn) -> dict[str, Any]:
    """How a CSV file is written."""
    return {
        "delimiter": draw(st.sampled_from(",;\t|")),
        "lineterminator": draw(st.sampled_from(["\n", "\r\n"])),
        "quoting": draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
    }


def rows_of(table: Table) -> list[dict[str, Cell]]:
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


def of_rows(rows: list[dict[str, Cell]]) -> Table:
    return {name: [row[name] for row in rows] for name in rows[0]}


def write_csv(table: Table, path: Path, dialect: dict[str, Any], mark: bytes = b"") -> Path:
    out = io.StringIO()
    writer = csv.writer(out, **dialect)
    writer.writerow(table)
    for row in zip(*table.values(), strict=True):
        writer.writerow(["" if cell is None else cell for cell in row])
    path.write_bytes(mark + out.getvalue().encode())
    return path


def meaning(name: str, cell: Cell) -> Any:
    """What a cell means by the kind of its column."""
    if cell is None:
        return None
    if name.startswith("number"):
        return float(cell)
    return float(cell.lower() == "true") if name.startswith("boolean") else cell


def plain(column: Column) -> list[Any]:
    """The values of a column; None for a missing one."""
    if isinstance(column, TextColumn):
        return [column[row] for row in range(len(column))]
    return [None if math.isnan(value) else value for value in column.tolist()]


def schema_of(path: Path, **choices: Any) -> DatasetSchema:
    return inspect(path, "csv", SchemaChoices.model_validate(choices))


@EXAMPLES
@given(table=written_tables(), dialect=dialects(), mark=st.sampled_from([b"", b"\xef\xbb\xbf"]))
def test_a_table_in_any_dialect_is_read_as_it_was_written(
    tmp_path: Path, table: Table, dialect: dict[str, Any], mark: bytes
) -> None:
    path = write_csv(table, tmp_path / "t.csv", dialect, mark)
    schema = schema_of(path, delimiter=dialect["delimiter"], header=True)
    found = tables.read(path, "csv", schema, list(table))

    assert {name: plain(column) for name, column in found.items()} == {
        name: [meaning(name, cell) for cell in cells] for name, cells in table.items()
    }


@EXAMPLES
@given(table=written_tables(), delimiter=st.sampled_from(",;\t|"))
def test_a_table_of_values_without_separators_shows_its_separator(
    tmp_path: Path, table: Table, delimiter: str
) -> None:
    tame = {n: [c and c.translate(_TAME) for c in cells] for n, cells in table.items()}
    schema = schema_of(write_csv(tame, tmp_path / "t.csv", {"delimiter": delimiter}))

    assert schema.dialect is not None
    assert schema.dialect.delimiter == delimiter
    assert [c.name for c in schema.columns] == list(table)


_TAME = str.maketrans(dict.fromkeys(",;|\t\"'\n#= -", "_"))


@EXAMPLES
@given(table=written_tables(), dialect=dialects(), order=st.randoms(use_true_random=False))
def test_a_row_has_the_same_values_alone_in_another_order_and_with_all_others(
    tmp_path: Path, table: Table, dialect: dict[str, Any], order: Any
) -> None:
    path = write_csv(table, tmp_path / "t.csv", dialect)
    schema = schema_of(path, delimiter=dialect["delimiter"], header=True)
    rows = rows_of(table)

    def read(chosen: list[dict[str, Cell]]) -> list[tuple[Any, ...]]:
        file = write_csv(of_rows(chosen), tmp_path / "p.csv", {"delimiter": ";"})
        found = tables.read_for_model(file, "csv", schema, list(table))
        return list(zip(*(plain(found[name]) for name in table), strict=True))

    together = read(rows)
    places = list(range(len(rows)))
    order.shuffle(places)

    assert [read([row])[0] for row in rows] == together
    assert read([rows[place] for place in places]) == [together[place] for place in places]


@EXAMPLES
@given(table=written_tables(), order=st.randoms(use_true_random=False))
def test_the_schema_does_not_depend_on_the_order_of_the_rows(
    tmp_path: Path, table: Table, order: Any
) -> None:
    choices = {"delimiter": ",", "header": True}
    first = schema_of(write_csv(table, tmp_path / "a.csv", {}), **choices)
    rows = rows_of(table)
    order.shuffle(rows)

    assert schema_of(write_csv(of_rows(rows), tmp_path / "b.csv", {}), **choices) == first


@EXAMPLES
@given(
    table=written_tables(),
    content=st.lists(WORDS | NUMBERS | st.just("inf"), min_size=12, max_size=12),
)
def test_an_ignored_column_of_any_content_changes_nothing(
    tmp_path: Path, table: Table, content: list[str]
) -> None:
    choices: dict[str, Any] = {"delimiter": ",", "header": True}
    alone = write_csv(table, tmp_path / "a.csv", {})
    rows = len(table["target"])
    beside = write_csv({"extra": [*content[:rows]], **table}, tmp_path / "b.csv", {})
    without = schema_of(alone, **choices)
    with_it = schema_of(beside, ignore=["extra"], **choices)

    assert with_it.columns[1:] == without.columns
    assert (with_it.target, with_it.classes) == (without.target, without.classes)
    mine = tables.read(alone, "csv", without, list(table))
    others = tables.read(beside, "csv", with_it, list(table))
    assert {n: plain(c) for n, c in others.items()} == {n: plain(c) for n, c in mine.items()}


@EXAMPLES
@given(table=written_tables())
def test_texts_of_json_mean_what_the_same_texts_of_csv_mean(tmp_path: Path, table: Table) -> None:
    path = write_csv(table, tmp_path / "t.csv", {})
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows_of(table)))
    of_csv = schema_of(path, delimiter=",", header=True)
    of_json = inspect(tmp_path / "t.jsonl", "jsonl")

    assert {c.name: c for c in of_json.columns} == {c.name: c for c in of_csv.columns}
    found = tables.read(tmp_path / "t.jsonl", "jsonl", of_json, list(table))
    wanted = tables.read(path, "csv", of_csv, list(table))
    assert {n: plain(c) for n, c in found.items()} == {n: plain(c) for n, c in wanted.items()}


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@EXAMPLES
@given(numbers=st.lists(st.integers(-(2**70), 2**70), min_size=2, max_size=12, unique=True))
def test_whole_numbers_as_classes_keep_all_their_digits(
    tmp_path: Path, kind: str, numbers: list[int]
) -> None:
    path = tmp_path / f"t.{kind}"
    rows = [*numbers, *numbers]
    if kind == "csv":
        path.write_text("a,label\n" + "".join(f"1.5,{n}\n" for n in rows))
    else:
        path.write_text("".join(f'{{"a": 1.5, "label": {n}}}\n' for n in rows))
    schema = inspect(path, kind)
    found = tables.read(path, kind, schema, as_texts=["label"])

    assert plain(found["label"]) == [str(n) for n in rows]
    assert schema.classes == [str(n) for n in sorted(numbers)]


@EXAMPLES
@given(
    numbers=st.lists(st.sampled_from(["1", "2.5", "NA", "?", ""]), min_size=12, max_size=12),
    words=st.lists(st.sampled_from(["f", "m", "NA", "?", "-", ""]), min_size=12, max_size=12),
    chosen=st.none() | st.lists(st.sampled_from(["NA", "?", "-", ""]), max_size=3),
)
def test_a_text_is_missing_beside_all_other_rows_or_in_none(
    tmp_path: Path, numbers: list[str], words: list[str], chosen: list[str] | None
) -> None:
    texts = {text for text in chosen or () if text}
    numbers = ["1", "2", *(n if n in {"NA", "?"} & texts or not texts else "3" for n in numbers)]
    words = ["f", "m", *words]
    table: Table = {"n": [*numbers], "w": [*words], "target": [*"pq" * 7]}
    path = write_csv(table, tmp_path / "t.csv", {})
    schema = schema_of(path, delimiter=",", header=True, missing=chosen)
    missing = texts if chosen is not None else {"NA", "?"} & set(numbers)
    expected = [None if word in missing | {""} else word for word in words]

    assert schema.columns[1].missing == expected.count(None)
    assert plain(tables.read(path, "csv", schema, ["w"])["w"]) == expected
    for row, value in zip(rows_of(table), expected, strict=True):
        alone = write_csv(of_rows([row]), tmp_path / "p.csv", {})
        assert plain(tables.read_for_model(alone, "csv", schema, ["w"])["w"]) == [value]
