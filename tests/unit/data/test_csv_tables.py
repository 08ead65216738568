"""CSV files of the kinds that people have: read as they are meant, or refused with the cause."""

from __future__ import annotations

import gzip
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainyard_api.datasets.choices import SchemaChoices
from trainyard_api.datasets.schema import DatasetSchema
from trainyard_data import tables
from trainyard_data.errors import BadChoice, BadData
from trainyard_data.inspection import inspect
from trainyard_data.tables import TextColumn
from trainyard_data.tables.files import csv_chunks

BODY = "".join(f"{i},{i % 5}.5,{'pq'[i % 2]}\n" for i in range(20))
PLAIN = "a,b,kind\n" + BODY


def columns_of(schema: DatasetSchema) -> str:
    """The columns in one line: `*` marks the target, `-` an ignored column."""
    marks = {"target": "*", "ignored": "-"}
    return " ".join(f"{marks.get(c.role or '', '')}{c.name}:{c.type}" for c in schema.columns)


def look(tmp_path: Path, content: str | bytes, **choices: Any) -> DatasetSchema:
    path = tmp_path / "t.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return inspect(path, "csv", SchemaChoices.model_validate(choices))


SAME: dict[str, str | bytes] = {
    "semicolons": PLAIN.replace(",", ";"),
    "tabs": PLAIN.replace(",", "\t"),
    "bars": PLAIN.replace(",", "|"),
    "a line sep=;": "sep=;\n" + PLAIN.replace(",", ";"),
    "a comment": "# from the lab\n" + PLAIN,
    "spaces after commas": PLAIN.replace(",", ", "),
    "a byte order mark": PLAIN.encode("utf-8-sig"),
    "UTF-16": PLAIN.encode("utf-16"),
    "UTF-16 with the high byte first": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    "CRLF": PLAIN.replace("\n", "\r\n"),
    "CR": PLAIN.replace("\n", "\r"),
    "blank lines": PLAIN.replace("\n", "\n\n"),
    "no newline at the end": PLAIN.rstrip("\n"),
    "quotes": '"a","b","kind"\n' + BODY.replace(",p", ',"p"'),
    "apostrophes as quotes": "'a','b','kind'\n" + BODY.replace("p\n", "'p'\n"),
}


@pytest.mark.parametrize("content", SAME.values(), ids=SAME)
def test_a_table_reads_alike_in_every_dialect(tmp_path: Path, content: str | bytes) -> None:
    schema = look(tmp_path, content)
    found = tables.read(tmp_path / "t.csv", "csv", schema, as_texts=["kind"])

    assert columns_of(schema) == "a:integer b:number *kind:text"
    assert schema.classes == ["p", "q"]
    assert np.array_equal(np.asarray(found["a"]), np.arange(20.0))
    assert isinstance(found["kind"], TextColumn)
    assert found["kind"].used() == ["p", "q"]


NAMED: dict[str, tuple[str, str, str]] = {
    "the index of pandas": (
        ",a,kind\n" + "".join(f"{i},{i % 4},{'pq'[i % 2]}\n" for i in range(20)),
        "-column 1:integer a:integer *kind:text", "'column 1'",
    ),
    "row names of R": (
        '"a","kind"\n' + "".join(f'"r{i}",{i % 4},"{"pq"[i % 2]}"\n' for i in range(20)),
        "-column 1:text a:integer *kind:text", "'column 1'",
    ),
    "a comma at each end": (
        "a,kind,\n" + "".join(f"{i % 4},{'pq'[i % 2]},\n" for i in range(20)),
        "a:integer *kind:text -column 3:number", "'column 3' (it has no values)",
    ),
    "no header": (
        "".join(f"{i}.5,-{i % 3}.1,{'pq'[i % 2]}\n" for i in range(20)),
        "column 1:number column 2:number *column 3:text", "no header",
    ),
    "numbers 0 to n as names": ("0,1,kind\n" + BODY, "0:integer 1:number *kind:text", ""),
    "a header of NumPy": ("# a,b,kind\n" + BODY, "# a:integer b:number *kind:text", ""),
    "a number that counts the rows": (
        "PassengerId,b,kind\n" + BODY, "-PassengerId:integer b:number *kind:text", "numbers the rows",
    ),
    "a target called Class in the middle": (
        "a,Class,b\n" + "".join(f"{i % 4},{'pq'[i % 2]},{i % 3}\n" for i in range(20)),
        "a:integer *Class:text b:integer", "",
    ),
    "coordinates x and y": (
        "x,y,kind\n" + BODY, "x:integer y:number *kind:text", "",
    ),
    "a target y": (
        "y,x1\n" + "".join(f"{i % 2},{i % 3}\n" for i in range(20)), "*y:integer x1:integer", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "columns", "said"), NAMED.values(), ids=NAMED)
def test_columns_are_used_as_a_person_would(
    tmp_path: Path, content: str, columns: str, said: str
) -> None:
    schema = look(tmp_path, content)

    assert columns_of(schema) == columns
    assert said in " ".join(schema.notes)


def column(*values: str, count: int = 40) -> str:
    """A table with one column to look at, a number and two classes."""
    rows = (f'"{values[i % len(values)]}",{i % 5},{"pq"[i % 2]}\n' for i in range(count))
    return "v,b,kind\n" + "".join(rows)


def among_numbers(text: str, count: int = 40) -> str:
    """A column of numbers with one text, in row 8."""
    return column(*(text if i == 7 else f"{i}.5" for i in range(count)), count=count)


VALUES: dict[str, tuple[str, str, str]] = {
    "decimal commas": (column("0,5", "1,5"), "v:number", "'0,5' is read as 0.5"),
    "thousands": (column("1,234", "5"), "v:integer", "'1,234' is read as 1234"),
    "per cent": (column("5%", "7.5%"), "v:number", "'5%' is read as 5"),
    "currency": (column("$1.50", "$20.00"), "v:number", "is read as"),
    "a question mark for no value": (among_numbers("?"), "v:number", "'?' stands for a missing"),
    "blanks for no value": (among_numbers("  "), "v:number", ""),
    "NA among texts": (column("NA", "ZA"), "v:text", "'NA' is a value there"),
    "codes": (column("01", "02"), "v:text", "begins with a zero"),
    "dates": (column("2024-01-31", "2024-02-29"), "-v:date", "'v' (it holds dates)"),
    "times": (column("2024-01-31 06:30:00"), "-v:timestamp", "'v' (it holds times)"),
    "identifiers": (column(*(f"u{i}" for i in range(99)), count=99), "-v:text", "99 different"),
    "names of nearly all rows": (column(*(f"u{i}" for i in range(30))), "-v:text", "identifier"),
    "no values": (column(""), "-v:number", "'v' (it has no values)"),
    "yes and no": (column("yes", "no"), "v:text", ""),
    "TRUE and FALSE": (column("TRUE", "FALSE"), "v:boolean", ""),
    "numbers and few more texts": (column("1", "2", "3+"), "v:text", "'3+' is not a number"),
    "numbers and words": (column("1", "2", "many"), "v:text", "of which 27 are numbers"),
    "negative numbers in brackets": (column("(1.50)", "(2.50)"), "v:text", "'(1.50)' is not a"),
    "booleans in two ways": (column("TRUE", "1", "0"), "v:text", "true or false"),
    "words of numbers": (column("p1", "q2"), "v:text", ""),
    "integers of many digits": (
        column("9007199254740993", "5"),
        "v:integer",
        "such as '9007199254740993': as numbers, neighbours become equal",
    ),
}


@pytest.mark.parametrize(("content", "wanted", "said"), VALUES.values(), ids=VALUES)
def test_values_give_a_column_its_type_and_role(
    tmp_path: Path, content: str, wanted: str, said: str
) -> None:
    schema = look(tmp_path, content)

    assert columns_of(schema).split(" b:")[0] == wanted
    assert said in " ".join(schema.notes)


REFUSED: dict[str, tuple[str | bytes, str]] = {
    "nothing": ("", "empty"),
    "a header alone": ("a,b\n", "no rows"),
    "one row": ("a,b\n1,2\n", "1 row"),
    "one column": ("kind\n" + "p\nq\n" * 9, "one column, 'kind'"),
    "a separator that is not known": ("a^b^kind\n" + BODY.replace(",", "^"), "one column"),
    "a row that is too short": ("a,b,kind\n1,2,p\n3,q\n", "line 3: 2 values.*3 columns"),
    "a name twice": ("a,a,kind\n" + BODY, "line 1.*'a' occurs twice"),
    "years as names": ("c,2001,2002\n" + BODY, "line 1.*numbers.*header missing"),
    "rows of texts without a header": ("r,s,p\n" * 9 + "b,m,q\n" * 9, "header missing"),
    "a quote that stays open": ('a,b,kind\n1,2,p\n2,"x,q\n' + BODY, "line 3: a quote"),
    "a NUL": (b"a,b,kind\n1,2,p\n\0,3,q\n", "line 3: a NUL byte"),
    "Windows-1251": ("a,b,kind\n1,2,нет\n3,4,p\n".encode("cp1251"), "line 2: byte 5.*UTF-8"),
    "a first row with \\N": ("0,\\N,p\n" + BODY, "names are numbers"),
    "a first row of texts and NULL": ("p,NULL,x\n" + "p,3,x\n" * 9, "reads like a row"),
    "a rule of SQL Server": ("a,b,kind\n--,--,----\n" + BODY, "line 2 is a rule"),
    "UTF-16 without a mark": (PLAIN.encode("utf-16-le"), "UTF-16"),
    "an Excel workbook": (b"PK\x03\x04" + b"\0" * 30 + b"xl/workbook.xml", "an Excel workbook"),
    "a pointer of Git LFS": ("version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "an RTF document": (r"{\rtf1\ansi a,b}", "an RTF document"),
    "a bitmap": (b"BM\x36\0\0\0" + bytes(90), "a BMP image"),
    "a last column that is mostly empty": ("a,kind,rest\n" + "".join(
        f"{i % 3},{'pq'[i % 2]},{'x' if i > 17 else ''}\n" for i in range(20)),
        "the last column 'rest' has no value in 18 of 20 rows"),
    "gzip": (gzip.compress(PLAIN.encode()), "a gzip file"),
    "Parquet": (b"PAR1" + bytes(90), "a Parquet file"),
    "a web page": ("<!DOCTYPE html><html></html>", "a web page"),
    "JSON": ('[{"a": 1}]', "a JSON document"),
    "a text among numbers": (among_numbers("n/v"), r"row 8 \(line 9\), column 'v': 'n/v' is not"),
    "the header again": (among_numbers("v"), "'v' is not a number.*header.*again"),
    "infinity": (among_numbers("-inf"), r"row 8 \(line 9\), column 'v': '-inf' is not finite"),
    "a number that overflows": (among_numbers("1e300"), "row 8.*'v': '1e300' is larger than"),
    "a number beyond all": (among_numbers("1e400"), "row 8.*'v': '1e400' is larger than"),
    "numbers with units": (column(*(f"{i} cm" for i in range(90)), count=90), "'0 cm' is not a"),
    "two decimal marks": (column("1,5", "1.5"), "different decimal marks"),
    "a target of one value": ("a,kind\n" + "1,p\n2,p\n" * 9, "one value 'p'"),
    "a target that counts the rows": ("a,kind,n\n" + "".join(
        f"{i % 3},{'pq'[i % 2]},{i + 1}\n" for i in range(20)), "'n' numbers the rows"),
    "a target of texts that all differ": ("a,t\n" + "".join(
        f"{i % 3},t{i}\n" for i in range(20)), "20 different texts"),
    "a target called year": ("a,year\n" + "".join(
        f"{i % 3},{1990 + i % 7}\n" for i in range(20)), "'year' seems to hold times"),
    "no feature is left": ("day,kind\n" + "2024-01-31,p\n2024-02-29,q\n" * 9, "'day': it holds dates"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_used_is_refused_with_place_and_cause(
    tmp_path: Path, content: str | bytes, words: str
) -> None:
    with pytest.raises(BadData, match=words):
        look(tmp_path, content)


CHOSEN: dict[str, tuple[str, dict[str, Any], str]] = {
    "a target": (PLAIN, {"target": "b"}, "a:integer *b:number kind:text"),
    "a column to ignore": (among_numbers("n/v"), {"ignore": ["v"]}, "-v:other b:integer *kind:text"),
    "a text for no value": (among_numbers("n/v"), {"missing": ["n/v"]}, "v:number b:integer *kind:text"),
    "dates as texts": (column("2024-01-31"), {"types": {"v": "text"}}, "v:text b:integer *kind:text"),
    "numbers as texts": (column("1", "2"), {"types": {"v": "text"}}, "v:text b:integer *kind:text"),
    "no header": (BODY, {"header": False}, "column 1:integer column 2:number *column 3:text"),
    "a decimal comma": (column("1,234"), {"decimal": ","}, "v:number b:integer *kind:text"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "choices", "columns"), CHOSEN.values(), ids=CHOSEN)
def test_choices_are_obeyed(
    tmp_path: Path, content: str, choices: dict[str, Any], columns: str
) -> None:
    assert columns_of(look(tmp_path, content, **choices)) == columns


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        pytest.param(
            {"target": "knd"}, "no column 'knd'; the columns are 'a'", id="no such target"
        ),
        pytest.param({"ignore": ["x"]}, "no column 'x'", id="no such column to ignore"),
        pytest.param({"types": {"kind": "integer"}}, "row 1 .*'p' is not of the type", id="type"),
        pytest.param({"target": "a", "ignore": ["a"]}, "also to be ignored", id="both"),
    ],
)
def test_choices_that_do_not_fit_are_refused(
    tmp_path: Path, choices: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadChoice, match=words):
        look(tmp_path, PLAIN, **choices)


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    rows = "".join(f"{'x' if i == 7 else i},{'y' if i == 9 else i},{i % 2}\n" for i in range(40))

    with pytest.raises(BadData, match=r"column 'a': 'x'.*; row 10 .*column 'b': 'y'"):
        look(tmp_path, "a,b,kind\n" + rows)


def test_quoted_newlines_are_read_over_the_borders_of_blocks(tmp_path: Path) -> None:
    notes = random.Random(0).choices(["one\r\ntwo", "plain", 'said ""so""'], k=3000)
    rows = "".join(f'{i},"{note}",{i % 2}\r\n' for i, note in enumerate(notes))
    path = tmp_path / "t.csv"
    path.write_bytes(("n,note,label\r\n" + rows).encode())
    for size in (4096, 5000, 4097):
        parts = list(csv_chunks.chunks(path, "utf-8", ",", '"', 0, size))
        assert b"".join(part.content for part in parts) == path.read_bytes()
        assert [p.content.count(b'"') % 2 for p in parts] == [0] * len(parts)
        assert parts[5].line == 1 + b"".join(p.content for p in parts[:5]).count(b"\n")


@pytest.mark.parametrize(
    "field",
    ['5" pipe', 'a "quoted" word', '"a,b"', '"two\nlines"', '"x""y"', '""'],
)
def test_a_row_ends_where_a_reader_ends_it(field: str) -> None:
    content = f'1,{field},p\n2,"open\nvalue'.encode()

    assert csv_chunks.row_end(content, ",", '"') == content.index(b"2,")


def test_a_line_without_end_is_refused_before_it_is_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with path.open("wb") as file:
        file.truncate(1 << 30)

    with pytest.raises(BadData, match=r"longer than 16 MiB|NUL|UTF-16"):
        inspect(path, "csv")


@pytest.mark.parametrize("name", ["BMI", "GIF8", "PAR1", "ARROW1", "MSCF", "GGUF", "BZh"])
def test_a_name_that_begins_as_a_binary_file_does_is_a_name(tmp_path: Path, name: str) -> None:
    assert look(tmp_path, f"{name},b,kind\n" + BODY).columns[0].name == name


@pytest.mark.parametrize("filled", [10, 11])
def test_half_of_the_last_column_suffices_for_a_target(tmp_path: Path, filled: int) -> None:
    rows = "".join(f"{i % 3},{'pq'[i % 2] if i < filled else ''}\n" for i in range(20))

    assert look(tmp_path, "a,kind\n" + rows).target == "kind"


def test_a_chosen_target_may_be_mostly_empty(tmp_path: Path) -> None:
    rows = "".join(f"{i % 3},{'pq'[i % 2] if i < 6 else ''}\n" for i in range(20))

    assert look(tmp_path, "a,kind\n" + rows, target="kind").target == "kind"
