"""Parquet files by the types of their columns and by the program that wrote them."""

from __future__ import annotations

import datetime
import decimal
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from csv_rows import KINDS, trains
from data_case import Case, Make, Outcome, content, refused
from pyarrow import parquet

COUNT = 60
NUMBERS = np.arange(COUNT)
PLAIN = "a integer | b number | *kind text"


def base(**columns: Any) -> dict[str, Any]:
    """The everyday columns, some of which are given."""
    plain = {"a": NUMBERS, "b": NUMBERS % 7 / 2.0, "kind": [KINDS[i % 2] for i in range(COUNT)]}
    return columns | {name: value for name, value in plain.items() if name not in columns}


def write(table: pa.Table, **options: Any) -> Make:
    """A Parquet file of the table."""
    return lambda path: parquet.write_table(table, path, **options)


def typed(
    name: str,
    what: str,
    columns: Mapping[str, Any],
    expected: Outcome,
    *,
    choices: Mapping[str, Any] | None = None,
) -> Case:
    """A case of a Parquet file with these columns."""
    return Case(name, what, "d.parquet", write(pa.table(dict(columns))), expected, choices or {})


def ignored(name: str, what: str, values: Any, kind: str) -> Case:
    """A column of no use as a feature, ignored."""
    return typed(
        f"parquet-{name}-ignored",
        f"{what}, ignored",
        base(odd=values),
        trains(f"-odd {kind}/other | {PLAIN}", samples=COUNT),
        choices={"ignore": ["odd"]},
    )


def unusable(name: str, what: str, values: Any, kinds: str = "other/date/timestamp") -> Case:
    """A column of no use as a feature, not ignored."""
    return typed(
        f"parquet-{name}",
        what,
        base(odd=values),
        trains(f"-odd {kinds} | {PLAIN}", samples=COUNT, says=("odd",)),
    )


def labels(name: str, what: str, values: Any, kind: str, classes: tuple[str, ...]) -> Case:
    """A target of this type."""
    return typed(
        name,
        what,
        base(kind=values) | {"kind": values},
        trains(f"*kind {kind} | a integer | b number", classes, COUNT),
        choices={"target": "kind"},
    )


def indexed(name: str) -> Make:
    """A table whose index pandas wrote as a column."""
    columns = base() | {name: NUMBERS * 3}
    metadata = {"index_columns": [name], "columns": [], "pandas_version": "3.0.0"}
    return write(pa.table(columns).replace_schema_metadata({"pandas": json.dumps(metadata)}))


def cut(path: Path) -> None:
    """A file that ends in the middle, as after a broken download."""
    write(pa.table(base()))(path)
    path.write_bytes(path.read_bytes()[:-100])


TEXTS = [KINDS[i % 2] for i in range(COUNT)]
MIDNIGHT = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
DAYS = [MIDNIGHT.date() + datetime.timedelta(days=i) for i in range(COUNT)]
TIMES = [MIDNIGHT + datetime.timedelta(hours=i) for i in range(COUNT)]
CLOCK = pa.array([datetime.time(i % 24) for i in range(COUNT)])
STRUCTS = [{"lat": 1.0 * i, "lon": 2.0} for i in range(COUNT)]
VECTORS = [[1.0, 2.0, float(i)] for i in range(COUNT)]
SPANS = pa.array([datetime.timedelta(seconds=i) for i in range(COUNT)])
BIG = pa.array([2**63 + i % 2 for i in range(COUNT)], pa.uint64())
GAPS = pa.array([None if i % 20 == 3 else i for i in range(COUNT)])
MAPS = pa.array([[("k", i)] for i in range(COUNT)], pa.map_(pa.string(), pa.int64()))
CODES = pa.array([f"0{i % 3}" for i in range(COUNT)]).dictionary_encode()

CASES: tuple[Case, ...] = (
    typed("parquet-basic", "numbers and texts", base(), trains(PLAIN, samples=COUNT)),
    Case(
        "parquet-pandas-index",
        "an index that pandas wrote as __index_level_0__",
        "d.parquet",
        indexed("__index_level_0__"),
        trains(PLAIN + " | -__index_level_0__ integer", samples=COUNT, says=("index",)),
    ),
    Case(
        "parquet-pandas-named-index",
        "an index of pandas with a name",
        "d.parquet",
        indexed("passenger"),
        trains(PLAIN + " | -passenger integer", samples=COUNT, says=("index",)),
    ),
    typed(
        "parquet-dictionary",
        "texts of few values, as pandas' category",
        base(kind=pa.array(TEXTS).dictionary_encode())
        | {"kind": pa.array(TEXTS).dictionary_encode()},
        trains(PLAIN, samples=COUNT),
        choices={"target": "kind"},
    ),
    typed(
        "parquet-codes",
        "codes with leading zeros",
        base(code=CODES),
        trains("code text | " + PLAIN, samples=COUNT),
    ),
    typed(
        "parquet-dictionary-numbers",
        "numbers of few values, as pandas' category",
        base(a=pa.array(NUMBERS % 5).dictionary_encode()),
        trains("a integer | b number | *kind text", samples=COUNT),
    ),
    typed(
        "parquet-decimal",
        "decimals",
        base(b=pa.array([decimal.Decimal(i) / 4 for i in range(COUNT)], pa.decimal128(12, 2))),
        trains("b number | a integer | *kind text", samples=COUNT),
    ),
    typed(
        "parquet-float16",
        "floats of 16 bit",
        base(b=pa.array(np.float16(NUMBERS / 2))),
        trains("b number | a integer | *kind text", samples=COUNT),
    ),
    typed(
        "parquet-int8",
        "whole numbers of 8 bit",
        base(a=pa.array(NUMBERS, pa.int8())),
        trains(PLAIN, samples=COUNT),
    ),
    typed(
        "parquet-null-column",
        "a column without any value",
        base(b=pa.nulls(COUNT)),
        trains("-b other/text/number | a integer | *kind text", samples=COUNT),
    ),
    typed(
        "parquet-int64-nullable",
        "whole numbers with gaps",
        base(a=GAPS),
        trains("a integer | b number | *kind text", samples=COUNT, missing={"a": 3}),
    ),
    typed(
        "parquet-nan",
        "NaN among floats",
        base(b=np.where(NUMBERS % 20 == 3, np.nan, NUMBERS / 2)),
        trains("b number | a integer | *kind text", samples=COUNT, missing={"b": 3}),
    ),
    typed(
        "parquet-inf",
        "an infinite float",
        base(b=np.where(NUMBERS == 30, np.inf, NUMBERS / 2)),
        refused("b", "inf", "31"),
    ),
    typed(
        "parquet-bool-feature",
        "a feature of booleans",
        base(flag=NUMBERS % 3 == 0),
        trains("flag boolean | " + PLAIN, samples=COUNT),
    ),
    labels(
        "parquet-large-string",
        "texts of 64-bit offsets, as Polars writes",
        pa.array(TEXTS, pa.large_string()),
        "text",
        KINDS,
    ),
    labels(
        "parquet-polars-categorical",
        "texts of few values, as Polars' Categorical",
        pa.array(TEXTS).dictionary_encode().cast(pa.dictionary(pa.uint32(), pa.large_string())),
        "text",
        KINDS,
    ),
    labels(
        "parquet-polars-enum",
        "ordered texts of few values, as Polars' Enum",
        pa.DictionaryArray.from_arrays(
            pa.array(NUMBERS % 2, pa.uint8()), pa.array(KINDS), ordered=True
        ),
        "text",
        KINDS,
    ),
    labels(
        "parquet-string-view",
        "texts as string_view, as Polars writes",
        pa.array(TEXTS, pa.string_view()),
        "text",
        KINDS,
    ),
    labels(
        "parquet-binary-text",
        "texts stored as bytes, as old writers do",
        pa.array([t.encode() for t in TEXTS], pa.binary()),
        "text",
        KINDS,
    ),
    labels(
        "parquet-bool-target",
        "a target of booleans",
        NUMBERS % 2 == 0,
        "boolean",
        ("false", "true"),
    ),
    labels(
        "parquet-uint64-label", "two ids above 2^63", BIG, "integer", (str(2**63), str(2**63 + 1))
    ),
    labels(
        "parquet-date-label",
        "a target of two dates",
        pa.array([DAYS[i % 2] for i in range(COUNT)]),
        "date",
        ("2024-01-01", "2024-01-02"),
    ),
    labels(
        "parquet-float-label", "a target of two floats", NUMBERS % 2 + 0.5, "number", ("0.5", "1.5")
    ),
    labels(
        "parquet-int-label",
        "a target of whole numbers with gaps is refused elsewhere; here without",
        NUMBERS % 3,
        "integer",
        ("0", "1", "2"),
    ),
    typed(
        "parquet-label-null",
        "a class that is missing in some rows",
        base() | {"kind": pa.array([None if i % 20 == 3 else t for i, t in enumerate(TEXTS)])},
        trains(
            "a integer | b number | *kind text",
            samples=COUNT,
            missing={"kind": 3},
            says=("left out",),
        ),
    ),
    ignored("date32", "dates", pa.array(DAYS), "date"),
    ignored("timestamp", "times", pa.array([t.replace(tzinfo=None) for t in TIMES]), "timestamp"),
    ignored(
        "timestamp-tz", "times with a zone", pa.array(TIMES, pa.timestamp("ms", "UTC")), "timestamp"
    ),
    ignored("time", "times of day", CLOCK, "other/timestamp"),
    ignored("duration", "durations", SPANS, "other"),
    ignored("struct", "records", pa.array(STRUCTS), "other"),
    ignored("list", "lists of numbers", pa.array(VECTORS), "other"),
    ignored("map", "maps", MAPS, "other"),
    ignored("binary", "bytes that are no text", pa.array([b"\xff\x00"] * COUNT), "other"),
    unusable("timestamp", "times", pa.array([t.replace(tzinfo=None) for t in TIMES])),
    unusable(
        "timestamp-ns",
        "times of nanoseconds, as pandas writes",
        pa.array([t.replace(tzinfo=None) for t in TIMES], pa.timestamp("ns")),
    ),
    unusable("date32", "dates", pa.array(DAYS)),
    unusable("list", "lists of numbers, such as embeddings", pa.array(VECTORS)),
    unusable("struct", "records", pa.array(STRUCTS)),
    unusable("duration", "durations", SPANS),
    unusable("binary", "bytes that are no text", pa.array([b"\xff\x00"] * COUNT)),
    typed(
        "parquet-number-texts",
        "numbers written as texts",
        base(a=[f"{i}.5" for i in range(COUNT)]),
        trains("a number | b number | *kind text", samples=COUNT),
    ),
    typed(
        "parquet-no-rows",
        "columns without rows",
        {"a": pa.array([], pa.int64()), "kind": pa.array([], pa.string())},
        refused("no rows"),
    ),
    Case(
        "parquet-zstd",
        "compressed by zstd",
        "d.parquet",
        write(pa.table(base()), compression="zstd"),
        trains(PLAIN, samples=COUNT),
    ),
    Case(
        "parquet-row-groups",
        "60 groups of one row",
        "d.parquet",
        write(pa.table(base()), row_group_size=1),
        trains(PLAIN, samples=COUNT),
    ),
    Case(
        "parquet-version-1",
        "pages of the first version, as Spark writes",
        "d.parquet",
        write(pa.table(base()), version="1.0", data_page_version="1.0", compression="snappy"),
        trains(PLAIN, samples=COUNT),
    ),
    Case(
        "parquet-duplicate-names",
        "two columns of one name",
        "d.parquet",
        write(
            pa.Table.from_arrays(
                [pa.array(NUMBERS), pa.array(NUMBERS), pa.array(TEXTS)], ["a", "a", "kind"]
            )
        ),
        refused("'a'"),
    ),
    Case(
        "parquet-truncated", "a file that ends in the middle", "d.parquet", cut, refused("Parquet")
    ),
    Case(
        "parquet-pq-ending",
        "the ending .pq",
        "d.pq",
        write(pa.table(base())),
        refused(".pq", ".parquet"),
    ),
    Case(
        "parquet-csv-renamed",
        "a CSV renamed to .parquet",
        "d.parquet",
        content(b"a,b,kind\n1,2,p\n" * 30),
        refused("Parquet"),
    ),
    Case(
        "parquet-arrow-renamed",
        "an Arrow file renamed to .parquet",
        "d.parquet",
        content(b"ARROW1\x00\x00" + bytes(200)),
        refused("Parquet"),
    ),
    *(
        Case(
            f"parquet-{codec}",
            f"compressed by {codec}",
            "d.parquet",
            write(pa.table(base()), compression=codec),
            trains(PLAIN, samples=COUNT),
        )
        for codec in ("brotli", "gzip", "lz4", "snappy", "none")
    ),
    Case(
        "parquet-int96",
        "times of 96 bit, as old Spark and Impala write",
        "d.parquet",
        write(
            pa.table(base(odd=pa.array([t.replace(tzinfo=None) for t in TIMES]))),
            use_deprecated_int96_timestamps=True,
        ),
        trains(f"-odd timestamp | {PLAIN}", samples=COUNT, says=("odd",)),
    ),
)
