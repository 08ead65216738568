"""JSONL and Parquet: the same values give the same columns as in a CSV."""

from __future__ import annotations

import datetime
import decimal
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from trainyard_api.datasets.choices import SchemaChoices
from trainyard_api.datasets.schema import DatasetSchema
from trainyard_data import tables
from trainyard_data.errors import BadData
from trainyard_data.inspection import inspect
from trainyard_data.tables import TextColumn

ROWS = 20


def columns_of(schema: DatasetSchema) -> str:
    """The columns in one line: `*` marks the target, `-` an ignored column."""
    marks = {"target": "*", "ignored": "-"}
    return " ".join(f"{marks.get(c.role or '', '')}{c.name}:{c.type}" for c in schema.columns)


def lines(tmp_path: Path, *values: Any) -> Path:
    """Objects with one field to look at, a number and a class."""
    rows = [{"v": values[i % len(values)], "b": i % 5, "kind": "pq"[i % 2]} for i in range(ROWS)]
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


JSON: dict[str, tuple[tuple[Any, ...], str]] = {
    "integers": ((1, 2), "v:integer"),
    "integers and floats": ((1, 2.5), "v:number"),
    "a number as a text": (("2", 2), "v:integer"),
    "numbers as texts": (("1.5", "2"), "v:number"),
    "codes": (("01", "02"), "v:text"),
    "a number among texts": ((2, "many"), "v:text"),
    "booleans": ((True, False), "v:boolean"),
    "booleans and texts": ((True, "unknown"), "v:text"),
    "NaN": ((1.5, float("nan")), "v:number"),
    "null": ((None,), "-v:number"),
    "objects": (({"x": 1},), "-v:other"),
    "lists and numbers": (([1], 2), "-v:other"),
}


@pytest.mark.parametrize(("values", "wanted"), JSON.values(), ids=JSON)
def test_fields_of_json_have_the_type_of_their_values(
    tmp_path: Path, values: tuple[Any, ...], wanted: str
) -> None:
    schema = inspect(lines(tmp_path, *values), "jsonl")

    assert sorted(columns_of(schema).split()) == sorted(f"{wanted} b:integer *kind:text".split())
    tables.read(tmp_path / "t.jsonl", "jsonl", schema, as_texts=["kind"])


def test_texts_and_numbers_of_json_mean_the_same(tmp_path: Path) -> None:
    schema = inspect(lines(tmp_path, 2, "3"), "jsonl")
    (tmp_path / "p.jsonl").write_text('{"v": "2"}\n{"v": 3.0}\n{"v": null}\n{}\n')
    found = tables.read_for_model(tmp_path / "p.jsonl", "jsonl", schema, ["v"])

    assert np.array_equal(np.asarray(found["v"]), [2, 3, np.nan, np.nan], equal_nan=True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param('[{"a": 1}]\n', "line 1: .*a JSON array", id="an array"),
        pytest.param('[\n{"a": 1}\n]\n', "line 1: a JSON array over", id="an array over lines"),
        pytest.param('{"a": 1}\n{"a"\n', "line 2 is not JSON", id="half an object"),
        pytest.param('{"a": 1}\n3\n', "line 2: an object is needed", id="a number"),
        pytest.param('{"a": 1}\n{"a": 1, "a": 2}\n', "line 2: .*'a' twice", id="a name twice"),
        pytest.param('{"a": 1, "b": 2}\n', "1 row", id="one row"),
        pytest.param('{"x": "a"}\n{"x": "b"}\n', "one column, 'x'", id="one field"),
    ],
)
def test_json_that_is_no_table_is_refused(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "t.jsonl").write_text(content)

    with pytest.raises(BadData, match=words):
        inspect(tmp_path / "t.jsonl", "jsonl")


def test_infinity_and_texts_among_numbers_are_refused_by_row_and_line(tmp_path: Path) -> None:
    values = [float(i) for i in range(ROWS)]
    with pytest.raises(BadData, match=r"row 8 \(line 8\), column 'v': 'Infinity' is not finite"):
        inspect(lines(tmp_path, *values[:7], float("inf"), *values[8:]), "jsonl")
    with pytest.raises(BadData, match=r"row 8 \(line 8\), column 'v': 'many' is not a number"):
        inspect(lines(tmp_path, *values[:7], "many", *values[8:]), "jsonl")


def test_texts_of_a_language_model_are_no_table(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"text": "hello"}\n' * 3)
    schema = inspect(tmp_path / "t.jsonl", "jsonl")

    assert (schema.samples, schema.target) == (3, None)
    (tmp_path / "t.jsonl").write_text('{"text": "hello"}\n{"text": null}\n')
    with pytest.raises(BadData, match=r"row 2 \(line 2\), field 'text': the text is null"):
        inspect(tmp_path / "t.jsonl", "jsonl")


DAY = datetime.date(2024, 1, 31)
NOON = datetime.datetime(2024, 1, 31, 12)  # noqa: DTZ001 - a column without a zone
ARROW: dict[str, tuple[Any, str]] = {
    "int64": (pa.array([1, 2] * 10), "v:integer"),
    "uint64": (pa.array([2**63, 2**63 + 1] * 10, pa.uint64()), "v:integer"),
    "int64 with null": (pa.array([1, None] * 10), "v:integer"),
    "float16": (pa.array(np.arange(20, dtype=np.float16)), "v:number"),
    "decimal": (pa.array([decimal.Decimal("1.50")] * 20), "v:number"),
    "bool": (pa.array([True, False] * 10), "v:boolean"),
    "string": (pa.array(["x", "y"] * 10), "v:text"),
    "large string": (pa.array(["x", "y"] * 10, pa.large_string()), "v:text"),
    "string view": (pa.array(["x", "y"] * 10, pa.string_view()), "v:text"),
    "numbers as strings": (pa.array(["1.5", "2"] * 10), "v:number"),
    "dictionary": (pa.array(["x", "y"] * 10).dictionary_encode(), "v:text"),
    "dictionary of digits": (pa.array(["1", "2"] * 10).dictionary_encode(), "v:text"),
    "UTF-8 as bytes": (pa.array([b"x", b"y"] * 10), "v:text"),
    "bytes": (pa.array([b"\xff", b"\xfe"] * 10), "-v:other"),
    "null": (pa.nulls(20), "-v:number"),
    "date": (pa.array([DAY] * 20), "-v:date"),
    "timestamp": (pa.array([NOON] * 20), "-v:timestamp"),
    "timestamp with a zone": (pa.array([NOON] * 20, pa.timestamp("us", "UTC")), "-v:timestamp"),
    "duration": (pa.array([datetime.timedelta(1)] * 20), "-v:other"),
    "list": (pa.array([[1.0]] * 20), "-v:other"),
    "struct": (pa.array([{"x": 1}] * 20), "-v:other"),
}


@pytest.mark.parametrize(("values", "wanted"), ARROW.values(), ids=ARROW)
def test_columns_of_parquet_have_types_of_one_vocabulary(
    tmp_path: Path, values: Any, wanted: str
) -> None:
    table = pa.table({"v": values, "b": range(ROWS), "kind": ["p", "q"] * 10})
    parquet.write_table(table, tmp_path / "t", store_schema=True)
    schema = inspect(tmp_path / "t", "parquet")
    found = tables.read(tmp_path / "t", "parquet", schema, as_texts=["kind"])

    assert columns_of(schema) == f"{wanted} b:integer *kind:text"
    assert ("v" in found) is not wanted.startswith("-")


TARGETS: dict[str, tuple[Any, list[str]]] = {
    "uint64": (pa.array([2**63, 2**63 + 1] * 10, pa.uint64()), [str(2**63), str(2**63 + 1)]),
    "bool": (pa.array([True, False] * 10), ["false", "true"]),
    "float": (pa.array([1.0, 2.5] * 10), ["1.0", "2.5"]),
    "date": (pa.array([DAY, datetime.date(2024, 2, 29)] * 10), ["2024-01-31", "2024-02-29"]),
    "string": (pa.array(["02", "01"] * 10), ["01", "02"]),
}


@pytest.mark.parametrize(("values", "classes"), TARGETS.values(), ids=TARGETS)
def test_classes_are_called_as_they_are_written(
    tmp_path: Path, values: Any, classes: list[str]
) -> None:
    parquet.write_table(pa.table({"a": range(ROWS), "label": values}), tmp_path / "t")
    schema = inspect(tmp_path / "t", "parquet")
    found = tables.read(tmp_path / "t", "parquet", schema, as_texts=["label"])["label"]

    assert schema.classes == classes
    assert isinstance(found, TextColumn)
    assert tables.sorted_classes(found.used()) == classes


def test_the_index_of_a_data_frame_is_not_used(tmp_path: Path) -> None:
    table = pa.table({"kind": ["p", "q"] * 10, "a": range(ROWS), "passenger": range(ROWS)})
    stored = {b"pandas": json.dumps({"index_columns": ["passenger"], "columns": []}).encode()}
    parquet.write_table(table.replace_schema_metadata(stored), tmp_path / "t")

    schema = inspect(tmp_path / "t", "parquet", SchemaChoices(target="kind"))
    assert columns_of(schema) == "*kind:text a:integer -passenger:integer"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"PAR1 nonsense PAR1", "not a Parquet file", id="nonsense"),
        pytest.param(b"a,b\n1,2\n", "not a Parquet file", id="a CSV"),
    ],
)
def test_what_is_no_parquet_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "t").write_bytes(content)

    with pytest.raises(BadData, match=words):
        inspect(tmp_path / "t", "parquet")


def test_a_parquet_file_that_is_cut_off_or_has_names_twice_is_refused(tmp_path: Path) -> None:
    columns = [pa.array(range(99)), pa.array(["p"] * 99)]
    parquet.write_table(pa.table(columns, names=["a", "a"]), tmp_path / "t")
    with pytest.raises(BadData, match="'a' occurs twice"):
        inspect(tmp_path / "t", "parquet")
    content = (tmp_path / "t").read_bytes()
    (tmp_path / "t").write_bytes(content[: len(content) // 2])
    with pytest.raises(BadData, match="not a Parquet file"):
        inspect(tmp_path / "t", "parquet")
