"""Tables: the schema that is found, and the values that are read by it."""

from __future__ import annotations

from pathlib import Path

from trainyard_data import tables
from trainyard_data.inspection import inspect
from trainyard_data.tables import TextColumn


def test_a_csv_file_is_read_as_its_schema_says(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a;code;kind\n1,5;01;p\n2,25;02;q\n?;01;p\n")
    schema = inspect(path, "csv")
    found = tables.read(path, "csv", schema, as_texts=["kind"])

    assert schema.target == "kind"
    assert schema.classes == ["p", "q"]
    assert [c.type for c in schema.columns] == ["number", "text", "text"]
    assert isinstance(found["code"], TextColumn)
    assert found["code"].used() == ["01", "02"]
    assert str(found["a"]) == "[1.5  2.25  nan]"
