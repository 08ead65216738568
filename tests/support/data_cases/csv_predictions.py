"""Tables that train, and the files that their models are asked with."""

from __future__ import annotations

from csv_rows import csv, lines, plain, trains
from data_case import Ask, Case, Refused, content, refused

LEARN = {"epochs": 12, "learningRate": 0.1, "batchSize": 32}
"""Enough to learn a rule of one column."""


def ask(what: str, table: str, answers: list[str] | Refused, filename: str = "p.csv") -> Ask:
    """A file for the model."""
    return Ask(what, filename, content(table.encode()), answers)


def rule(
    name: str, what: str, header: str, values: dict[str, str], column_type: str, *asks: Ask
) -> Case:
    """A table whose first column decides the class."""
    listed = list(values.items())
    table = lines(
        f"{header},a,kind",
        lambda i: f"{listed[i % len(listed)][0]},{i * 37 % 100 / 100},{listed[i % len(listed)][1]}",
        300,
    )
    return csv(
        name,
        what,
        table,
        trains(
            f"{header} {column_type} | a number | *kind text",
            tuple(sorted(set(values.values()))),
            300,
        ),
        training=LEARN,
        asks=asks,
    )


def everyday(name: str, what: str, *asks: Ask) -> Case:
    """The everyday table, and questions."""
    return csv(
        name,
        what,
        lines("a,b,kind", plain, 60),
        trains("a integer | b integer | *kind text", samples=60),
        asks=asks,
    )


JSON_ROW = '{"a": 5, "b": "2"}\n'

CASES: tuple[Case, ...] = (
    rule(
        "predict-category-codes",
        "codes 01, 02 and A1; then a file without A1",
        "code",
        {"01": "p", "02": "q", "A1": "r"},
        "text",
        ask("01 and 02 alone", "code,a\n01,0.5\n02,0.5\n", ["p", "q"]),
        ask("with A1 beside them", "code,a\n01,0.5\n02,0.5\nA1,0.5\n", ["p", "q", "r"]),
    ),
    rule(
        "predict-category-bool",
        "true, false and unknown; then a file without unknown",
        "flag",
        {"true": "p", "false": "q", "unknown": "r"},
        "text",
        ask("true and false alone", "flag,a\ntrue,0.5\nfalse,0.5\n", ["p", "q"]),
    ),
    rule(
        "predict-category-decimals",
        "1.50, 2.00 and XL; then a file without XL",
        "size",
        {"1.50": "p", "2.00": "q", "XL": "r"},
        "text",
        ask("1.50 and 2.00 alone", "size,a\n1.50,0.5\n2.00,0.5\n", ["p", "q"]),
    ),
    rule(
        "predict-category-dates",
        "dates and unknown; then a file of one date",
        "day",
        {"2024-01-01": "p", "2024-02-01": "q", "unknown": "r"},
        "text",
        ask("a date alone", "day,a\n2024-01-01,0.5\n2024-02-01,0.5\n", ["p", "q"]),
    ),
    rule(
        "predict-category-na",
        "the texts NA, ZA and BW; then a file of NA",
        "land",
        {"NA": "p", "ZA": "q", "BW": "r"},
        "text",
        ask("NA alone", "land,a\nNA,0.5\nNA,0.1\n", ["p", "p"]),
    ),
    rule(
        "predict-category-quoted",
        "codes, quoted at prediction alone",
        "code",
        {"01": "p", "02": "q", "A1": "r"},
        "text",
        ask("quoted", '"code","a"\n"01","0.5"\n"02","0.5"\n', ["p", "q"]),
    ),
    rule(
        "predict-other-dialect",
        "separated by ; with decimal commas at prediction alone",
        "code",
        {"01": "p", "02": "q", "A1": "r"},
        "text",
        ask("separated by ;", "code;a\n01;0,5\n02;0,5\n", refused("decimal comma")),
    ),
    rule(
        "predict-other-order",
        "columns in another order, and one more",
        "code",
        {"01": "p", "02": "q", "A1": "r"},
        "text",
        ask("another order", "note,a,code\nx,0.5,01\ny,0.5,02\n", ["p", "q"]),
    ),
    rule(
        "predict-one-boolean",
        "true and false; then a file of one row",
        "flag",
        {"true": "p", "false": "q"},
        "boolean",
        ask("one row", "flag,a\nfalse,0.5\n", ["q"]),
        ask("as R writes", "flag,a\nTRUE,0.5\nFALSE,0.5\n", ["p", "q"]),
    ),
    rule(
        "predict-unseen",
        "a text that was never seen",
        "code",
        {"01": "p", "02": "q", "A1": "r"},
        "text",
        ask(
            "JSON lines",
            '{"code": "01", "a": 0.5}\n{"code": "02", "a": 0.5}\n',
            ["p", "q"],
            "p.jsonl",
        ),
        ask(
            "JSON lines with numbers",
            '{"code": 1, "a": 0.5}\n',
            ["?"],
            "p.jsonl",
        ),
    ),
    everyday(
        "predict-extra-date",
        "one more column, of dates",
        ask("a date", "a,b,seen_at\n1,2,2024-01-01\n", ["?"]),
    ),
    everyday(
        "predict-inf",
        "an infinite number",
        ask("inf", "a,b\n1,inf\n", refused("row 1", "b", "inf")),
    ),
    everyday(
        "predict-text-number",
        "a text where the model takes numbers",
        ask("a text", "a,b\n1,many\n", refused("row 1", "b", "many")),
    ),
    everyday(
        "predict-json-text-number",
        "a number written as a text in JSON",
        ask("a text", JSON_ROW, ["?"], "p.jsonl"),
    ),
    everyday(
        "predict-missing-column",
        "a column that the model needs is not there",
        ask("no b", "a\n1\n", refused("b")),
    ),
    everyday(
        "predict-missing-value", "a missing number", ask("an empty field", "a,b\n1,\n", ["?"])
    ),
    everyday("predict-no-rows", "no rows", ask("a header", "a,b\n", refused("no rows"))),
    everyday("predict-empty", "no bytes", ask("nothing", "", refused("no rows"))),
    everyday(
        "predict-target-beside",
        "the target beside the features, in part empty",
        ask("with the target", "a,b,kind\n1,2,p\n2,2,\n", ["?", "?"]),
    ),
    everyday(
        "predict-spaces", "names with spaces after the commas", ask("spaces", "a, b\n1, 2\n", ["?"])
    ),
    everyday(
        "predict-extra-broken",
        "one more column, of texts, numbers and dates",
        ask("a column of everything", "a,b,more\n1,2,x\n3,4,5\n5,1,2024-01-01\n", ["?", "?", "?"]),
    ),
    everyday(
        "predict-thousands",
        "numbers with commas between thousands at prediction alone",
        ask("thousands", 'a,b\n"1,000",2\n', refused("row 1", "a", "1,000")),
    ),
    everyday(
        "predict-bom",
        "a byte order mark, and lines ended as Windows does",
        ask("from Excel", "\ufeffa,b\r\n1,2\r\n", ["?"]),
    ),
    everyday(
        "predict-index",
        "the index that pandas writes, at prediction alone",
        ask("an index", ",a,b\n0,1,2\n1,3,4\n", ["?", "?"]),
    ),
    everyday(
        "predict-unknown-missing",
        "NA where no value was missing in training",
        ask("NA", "a,b\n1,NA\n", ["?"]),
    ),
)
"""The answer ? stands for any class: the model has not learned enough to say which."""
