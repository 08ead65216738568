"""Values of tables, read as a schema says: once more, for a model, and from a copy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from poll import eventually

from trainyard_api.datasets.choices import SchemaChoices
from trainyard_data import tables
from trainyard_data.errors import BadChoice, BadData
from trainyard_data.inspection import inspect
from trainyard_data.tables import TextColumn

ROWS = "".join(f"{('01', '02', 'A1')[i % 3]},{i}.5,{i % 2 == 0},{i % 2}\n" for i in range(30))
TABLE = "code,a,flag,label\n" + ROWS


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    path = tmp_path / "train.csv"
    path.write_text(TABLE)
    return path


def of_model(trained: Path, content: str, *wanted: str) -> dict[str, tables.Column]:
    """Columns of another file, read by the schema of the first."""
    path = trained.with_name("other.csv")
    path.write_text(content)
    return tables.read_for_model(path, "csv", inspect(trained, "csv"), wanted)


def texts(column: tables.Column) -> list[str | None]:
    assert isinstance(column, TextColumn)
    return [column[row] for row in range(len(column))]


@pytest.mark.parametrize("rows", ["01,1\n02,1\n", "01,1\n", "01,1\n02,1\nA1,1\n"])
def test_codes_stay_texts_beside_all_other_rows(trained: Path, rows: str) -> None:
    found = of_model(trained, "code,a\n" + rows, "code", "a")

    assert texts(found["code"])[0] == "01"


def test_another_file_may_have_another_dialect_order_and_more_columns(trained: Path) -> None:
    content = "seen;flag;a;code\n2024-01-01;true;1.5;02\nx;FALSE;NA;\n"
    found = of_model(trained, content, "code", "a", "flag", "label")

    assert list(found) == ["code", "a", "flag"]
    assert texts(found["code"]) == ["02", None]
    assert np.array_equal(np.asarray(found["a"]), [1.5, np.nan], equal_nan=True)
    assert np.asarray(found["flag"]).tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param("many", r"row 2 \(line 3\), column 'a': 'many' is not a number", id="a text"),
        pytest.param("1,5", "'1,5' is not a number; it looks like a decimal comma", id="a comma"),
        pytest.param("5%", "'5%' is not a number", id="a sign"),
        pytest.param("-inf", r"row 2 .*'a': '-inf' is not finite", id="infinity"),
        pytest.param("1e300", r"row 2 .*'a': '1e300' is larger than", id="a number too large"),
    ],
)
def test_a_value_that_the_training_could_not_know_is_refused(
    trained: Path, value: str, words: str
) -> None:
    with pytest.raises(BadData, match=words):
        of_model(trained, f"code;a\n01;1\n01;{value}\n", "code", "a")


def test_columns_that_are_not_wanted_are_not_parsed(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"note,a,kind\n" + b"\xff,1,p\n\xfe,2,q\n" * 9)
    found = inspect(path, "csv", ignoring("note"))

    assert list(tables.read(path, "csv", found)) == ["a", "kind"]
    with pytest.raises(BadData, match="line 2: byte 1 is not UTF-8"):
        inspect(path, "csv")


def ignoring(ignored: str) -> SchemaChoices:
    return SchemaChoices(ignore=[ignored])


def test_an_unknown_column_is_named(trained: Path) -> None:
    with pytest.raises(BadChoice, match="no column 'price'; the columns are"):
        tables.read(trained, "csv", inspect(trained, "csv"), ["price"])


def test_a_number_column_as_texts_has_no_text_for_a_missing_value(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,label\n" + "1,1.0\n2,NA\n3,2.0\n" * 5)
    schema = inspect(path, "csv")
    found = tables.read(path, "csv", schema, as_texts=["label"])

    assert schema.classes == ["1.0", "2.0"]
    assert texts(found["label"])[:3] == ["1.0", None, "2.0"]


def test_a_copy_serves_the_reading_that_made_it_and_no_other(trained: Path) -> None:
    cache = trained.with_name("c.arrow")
    schema = inspect(trained, "csv")
    first = tables.read(trained, "csv", schema, cache=cache)
    assert eventually(cache.is_file)
    trained.write_text(TABLE.replace("A1", "B1"))

    assert texts(tables.read(trained, "csv", schema, cache=cache)["code"]) == texts(first["code"])
    others = tables.read(trained, "csv", schema, ["code"], cache=cache)
    assert set(texts(others["code"])) == {"01", "02", "B1"}


SHARED = "a,sex,kind\n" + "".join(
    f"{'NA' if i % 10 == 3 else i},{('f', 'm', 'NA', '?')[i % 4]},{'pq'[i % 2]}\n"
    for i in range(40)
)
"""NA stands for a missing value beside numbers; ? stands among texts only."""


@pytest.mark.parametrize(
    ("chosen", "kept", "sex"),
    [
        pytest.param(None, ["NA"], ["f", "m", None, "?"], id="nothing chosen"),
        pytest.param([], [], ["f", "m", "NA", "?"], id="none"),
        pytest.param([""], [], ["f", "m", "NA", "?"], id="only an empty field"),
        pytest.param(["NA", "?"], ["?", "NA"], ["f", "m", None, None], id="both"),
    ],
)
def test_a_text_for_a_missing_number_is_missing_among_texts_too(
    tmp_path: Path, chosen: list[str] | None, kept: list[str], sex: list[str | None]
) -> None:
    path, copy = tmp_path / "t.csv", tmp_path / "copy"
    path.write_text(SHARED)
    schema = inspect(path, "csv", SchemaChoices(missing=chosen))
    number, text, _ = schema.columns

    assert (number.missing, number.missing_values) == (4, ["NA"])
    assert (text.missing, text.missing_values) == (10 * sex.count(None), kept)
    assert text.distinct == 4 - sex.count(None)
    assert texts(tables.read(path, "csv", schema, cache=copy)["sex"])[:4] == sex
    eventually(copy.is_file)
    assert texts(tables.read(path, "csv", schema, cache=copy)["sex"])[:4] == sex


def test_the_models_schema_says_which_texts_are_missing_not_the_new_file(tmp_path: Path) -> None:
    shared, alone = tmp_path / "shared.csv", tmp_path / "alone.csv"
    shared.write_text(SHARED)
    alone.write_text(SHARED.replace("\nNA,", "\n7,"))
    rows = ["a,sex\nNA,NA\n1,NA\n", "a,sex\n1,NA\n2,f\n"]

    for path, expected in ((shared, None), (alone, "NA")):
        found = [of_model(path, content, "a", "sex")["sex"] for content in rows]
        assert [texts(column)[0] for column in found] == [expected, expected]


def test_a_schema_of_before_keeps_such_a_text_as_a_value(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(SHARED)
    schema = inspect(path, "csv")
    before = [schema.columns[0], schema.columns[1].model_copy(update={"missing_values": []})]
    schema = schema.model_copy(update={"columns": [*before, schema.columns[2]]})

    assert texts(tables.read(path, "csv", schema)["sex"])[2] == "NA"
