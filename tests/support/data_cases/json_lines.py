"""JSON Lines: tables, and texts for language models."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from csv_rows import REGRESSION, kind, trains
from data_case import Case, Outcome, RefusedInTraining, Trains, content, refused

COUNT = 60
PLAIN = "a integer | b integer | *kind text"
Row = Callable[[int], Mapping[str, Any]]


def plain(i: int) -> dict[str, Any]:
    """A row of the everyday table."""
    return {"a": i % 7, "b": i, "kind": kind(i)}


def dump(row: Row, count: int = COUNT) -> str:
    """A line for each row."""
    return "".join(json.dumps(row(i)) + "\n" for i in range(count))


def rows(name: str, what: str, row: Row, expected: Outcome, **more: Any) -> Case:
    """A case of a table."""
    return written(name, what, dump(row), expected, **more)


def written(name: str, what: str, text: str, expected: Outcome, **more: Any) -> Case:
    """A case of a file with this text."""
    return Case(name, what, "d.jsonl", content(text.encode()), expected, **more)


def table(columns: str = PLAIN, **more: Any) -> Trains:
    """The expectation of 60 rows."""
    return trains(columns, samples=COUNT, **more)


def chat(i: int) -> dict[str, Any]:
    """A conversation, as chat models are tuned with."""
    said = [("user", f"hi {i}"), ("assistant", "hello")]
    return {"messages": [{"role": role, "content": text} for role, text in said]}


def prompts(field: str) -> Row:
    """Texts under this name."""
    return lambda i: {field: f"hello number {i} of many lines"}


SMALL = {
    "task": "language-modeling",
    "model": {
        "architecture": "transformer",
        "parameters": {"layers": 1, "heads": 2, "embeddingSize": 16, "contextLength": 16},
    },
}
"""A language model of the least size."""
ARRAY = [plain(i) for i in range(COUNT)]

CASES: tuple[Case, ...] = (
    rows("jsonl-basic", "numbers and texts", plain, table()),
    written("jsonl-bom", "a byte order mark", "\ufeff" + dump(plain), table()),
    rows(
        "jsonl-int-then-float",
        "whole numbers before the first with decimals",
        lambda i: plain(i) | {"b": i / 2 if i > 40 else i},
        table("a integer | b number | *kind text"),
    ),
    rows(
        "jsonl-mixed-type",
        "a number, and later a text",
        lambda i: plain(i) | {"b": "many" if i == 40 else i},
        refused("line 41", "b", "many"),
    ),
    rows(
        "jsonl-number-texts",
        "numbers written as texts",
        lambda i: plain(i) | {"b": f"{i}.5"},
        table("a integer | b number | *kind text"),
    ),
    rows(
        "jsonl-price-texts",
        "a target of regression written as texts",
        lambda i: {"a": i, "price": f"{i}.5"},
        trains("a integer | *price number", None, COUNT, task="tabular-regression"),
        training=REGRESSION,
    ),
    rows(
        "jsonl-nested",
        "an object in a field",
        lambda i: {"meta": {"src": "x", "n": i}} | plain(i),
        table("-meta other | " + PLAIN, says=("meta",)),
    ),
    rows(
        "jsonl-nested-ignored",
        "an object in a field, ignored",
        lambda i: {"meta": {"src": "x", "n": i}} | plain(i),
        table("-meta other | " + PLAIN),
        choices={"ignore": ["meta"]},
    ),
    rows(
        "jsonl-list",
        "a list in a field",
        lambda i: {"tags": ["x"]} | plain(i),
        table("-tags other | " + PLAIN, says=("tags",)),
    ),
    rows(
        "jsonl-list-ignored",
        "a list in a field, ignored",
        lambda i: {"tags": ["x"]} | plain(i),
        table("-tags other | " + PLAIN),
        choices={"ignore": ["tags"]},
    ),
    Case(
        "jsonl-utf16",
        "UTF-16, which is no encoding of JSON",
        "d.jsonl",
        content(dump(plain).encode("utf-16")),
        refused("UTF-16"),
    ),
    written(
        "jsonl-nan",
        "NaN, as Python writes",
        dump(lambda i: plain(i) | {"b": float("nan") if i == 3 else i}),
        table("a integer | b integer/number | *kind text", missing={"b": 1}),
    ),
    rows(
        "jsonl-infinity",
        "Infinity, as Python writes",
        lambda i: plain(i) | {"b": float("inf") if i == 3 else i},
        refused("line 4", "b", "Infinity"),
    ),
    rows(
        "jsonl-missing-keys",
        "a field that some rows do not have",
        lambda i: {k: v for k, v in plain(i).items() if k != "b" or i % 3 == 0},
        table(missing={"b": 40}),
    ),
    rows(
        "jsonl-late-column",
        "a field that comes first in row 50",
        lambda i: plain(i) | ({"late": i} if i >= 50 else {}),
        table("a integer | b integer | *kind text | late integer", missing={"late": 50}),
        choices={"target": "kind"},
    ),
    rows(
        "jsonl-null-kind",
        "a field that is always null",
        lambda i: plain(i) | {"b": None},
        table("a integer | -b other/text/number | *kind text"),
    ),
    rows(
        "jsonl-bool-target",
        "a target of true and false",
        lambda i: {"a": i % 7, "b": i, "spam": i % 2 == 0},
        trains("a integer | b integer | *spam boolean", ("false", "true"), COUNT),
    ),
    rows(
        "jsonl-big-ids",
        "classes beyond 2^53",
        lambda i: {"a": i, "account": 2**53 + i % 2},
        trains("a integer | *account integer", (str(2**53), str(2**53 + 1)), COUNT),
    ),
    rows(
        "jsonl-order",
        "fields in another order in each row",
        lambda i: dict(sorted(plain(i).items(), reverse=i % 2 == 0)),
        table(),
        choices={"target": "kind"},
    ),
    rows(
        "jsonl-dates",
        "dates as texts",
        lambda i: plain(i) | {"a": f"2024-{i % 12 + 1:02}-{i % 28 + 1:02}"},
        table("-a date | b integer | *kind text", says=("a",)),
    ),
    rows(
        "jsonl-unicode",
        "escapes of letters and of an emoji",
        lambda i: plain(i) | {"kind": ("größe", "🐕")[i % 2]},
        trains(PLAIN, ("größe", "🐕"), COUNT),
    ),
    written(
        "jsonl-crlf-blank-lines",
        "lines ended as Windows does, and blank ones",
        dump(plain).replace("\n", "\r\n") + "\r\n\r\n",
        table(),
    ),
    written(
        "jsonl-duplicate-keys",
        "a field twice in one row",
        dump(plain) + '{"a": 1, "a": 2, "b": 3, "kind": "p"}\n',
        refused("line 61", "'a'"),
    ),
    written(
        "jsonl-array",
        "a JSON array of all rows in one line",
        json.dumps(ARRAY),
        refused("array", "line"),
    ),
    written(
        "jsonl-array-indented",
        "a JSON array over many lines",
        json.dumps(ARRAY, indent=1),
        refused("array", "line"),
    ),
    written(
        "jsonl-object-indented",
        "a JSON document with the rows inside",
        json.dumps({"data": ARRAY}, indent=1),
        refused("line 1"),
    ),
    written(
        "jsonl-python",
        "Python's way to print a row, with single quotes",
        "".join(f"{plain(i)}\n" for i in range(COUNT)),
        refused("line 1", "JSON"),
    ),
    written(
        "jsonl-trailing-commas",
        "a comma at the end of each line",
        dump(plain).replace("\n", ",\n"),
        refused("line 1", "JSON"),
    ),
    written(
        "jsonl-cut", "a last line that is cut off", dump(plain)[:-9], refused("line 60", "JSON")
    ),
    written(
        "jsonl-scalars",
        "a number in each line",
        "".join(f"{i}\n" for i in range(COUNT)),
        refused("line 1", "object"),
    ),
    written("jsonl-empty", "no bytes at all", "", refused("empty")),
    rows(
        "jsonl-long-line",
        "a line of 1 MiB in an ignored field",
        lambda i: plain(i) | ({"note": "x" * 2**20} if i == 3 else {"note": ""}),
        table("a integer | b integer | *kind text | -note text/other"),
        choices={"target": "kind", "ignore": ["note"]},
    ),
    Case(
        "json-ending",
        "a JSON document",
        "d.json",
        content(json.dumps(ARRAY).encode()),
        refused(".json", ".jsonl"),
    ),
    Case(
        "ndjson-ending",
        "JSON lines under another ending",
        "d.ndjson",
        content(dump(plain).encode()),
        refused(".ndjson", ".jsonl"),
    ),
    Case(
        "jsonl-gz",
        "compressed JSON lines",
        "d.jsonl.gz",
        content(b"\x1f\x8b"),
        refused(".gz", ".jsonl"),
    ),
    written(
        "jsonl-coco",
        "annotations of COCO in one line",
        json.dumps(
            {
                "images": [{"id": 1, "file_name": "1.jpg"}],
                "annotations": [{"image_id": 1, "bbox": [1, 2, 3, 4]}],
                "categories": [{"id": 1, "name": "cat"}],
            }
        )
        + "\n",
        refused("annotations"),
    ),
    written(
        "jsonl-label-studio",
        "an export of Label Studio",
        json.dumps(
            [{"id": i, "data": {"text": "a"}, "annotations": [{"result": []}]} for i in range(9)]
        )
        + "\n",
        refused("array"),
    ),
    rows(
        "jsonl-text",
        "texts for a language model",
        prompts("text"),
        Trains(COUNT, task="language-modeling"),
        training=SMALL,
    ),
    rows(
        "jsonl-text-null",
        "texts of which some are null",
        lambda i: {"text": None if i == 3 else f"hello {i}"},
        RefusedInTraining(("line 4", "text", "null")),
        training=SMALL,
    ),
    rows(
        "jsonl-text-other-name",
        "texts under another name",
        prompts("content"),
        RefusedInTraining(("text", "content")),
        training=SMALL,
    ),
    rows(
        "jsonl-chat",
        "conversations of a chat",
        chat,
        RefusedInTraining(("text", "messages")),
        training=SMALL,
    ),
    rows(
        "jsonl-instructions",
        "questions and answers, as Alpaca has them",
        lambda i: {"instruction": f"what is {i}?", "input": "", "output": f"{i}"},
        RefusedInTraining(("text",)),
        training=SMALL,
    ),
    rows(
        "jsonl-nested-target",
        "a target that is an object",
        lambda i: {"a": i, "kind": {"name": kind(i)}},
        refused("kind"),
    ),
    rows(
        "jsonl-big-integers",
        "numbers beyond 2^64",
        lambda i: plain(i) | {"b": 10**25 + i},
        table("a integer | b integer/number | *kind text"),
    ),
)
