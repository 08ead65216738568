"""What the command line shows of a dataset, and how its options become choices."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from trainyard.cli import schema_options
from trainyard.cli.commands import datasets
from trainyard.cli.errors import UsageProblem
from trainyard.cli.schema_options import ChannelAxis, Decimal, ImageClass
from trainyard.cli.text import dataset_fields, table
from trainyard.models import Dataset

NOW = datetime(2026, 7, 1, 13, tzinfo=UTC)
FLOWERS = Dataset.model_validate(
    {
        "name": "flowers", "format": "csv", "sha256": "ab", "sizeBytes": 4600,
        "created": "2026-07-01T12:00:00Z",
        "details": {
            "samples": 1500, "dimensions": [1500, 3], "target": "kind",
            "targetReason": "it is the last column", "classes": ["a", "b"], "revision": 2,
            "columns": [
                {"name": "id", "type": "integer", "role": "ignored", "missing": 0,
                 "distinct": 1500, "reason": "it counts the rows"},
                {"name": "width", "type": "number", "role": "feature", "missing": 3,
                 "missingValues": ["?", "NA"]},
                {"name": "kind", "type": "text", "role": "target", "missing": 0, "distinct": 2},
            ],
            "dialect": {"delimiter": "\t", "decimal": ","},
            "choices": {"decimal": ",", "missing": ["?", "NA"]},
            "notes": ["the column 'id' is left out: it counts the rows"],
        },
    }
)  # fmt: skip

FACTS = """\
FIELD       VALUE
name        flowers
format      csv
samples     1,500
dimensions  1500 × 3
size        4.5 KiB
sha256      ab
age         1h00m
target      kind (it is the last column)
classes     a, b
csv         separated by tab, with a header
chosen      missing, decimal
revision    2
note        the column 'id' is left out: it counts the rows"""

COLUMNS = """\
COLUMN  TYPE     ROLE     MISSING  DISTINCT  WHY
id      integer  ignored  0        1,500     it counts the rows
width   number   feature  3        -         missing: '?', 'NA'
kind    text     target   0        2         -"""


def test_a_dataset_with_its_schema() -> None:
    assert table.plain(dataset_fields.facts(FLOWERS, NOW)) == FACTS
    assert table.plain(dataset_fields.columns(FLOWERS.details)) == COLUMNS
    assert dataset_fields.left_out(FLOWERS.details) == ""


def test_an_upload_says_what_was_guessed() -> None:
    assert datasets.uploaded(FLOWERS) == [
        "dataset flowers: 1,500 samples, csv, 4.5 KiB",
        "target kind (it is the last column)",
        "note: the column 'id' is left out: it counts the rows",
    ]


def test_pictures_many_classes_and_many_columns_are_short() -> None:
    details = {
        "samples": 40, "dimensions": [40, 3, 8, 8], "classes": [f"c{n}" for n in range(25)],
        "images": {"channels": 3, "height": 8, "width": 8, "scaled": 2},
        "columns": [{"name": "n" * 100, "type": "text"}] * 300,
    }  # fmt: skip
    shown = FLOWERS.model_copy(update={"details": type(FLOWERS.details).model_validate(details)})
    facts = dict(dataset_fields.facts(shown, NOW).rows)
    assert facts["images"] == "3 × 8 × 8, 2 scaled"
    assert facts["classes"].endswith("c18, c19 and 5 more")
    assert len(dataset_fields.columns(shown.details).rows) == dataset_fields.COLUMNS_SHOWN
    assert dataset_fields.columns(shown.details).rows[0][0] == "n" * 59 + "…"
    assert dataset_fields.left_out(shown.details) == "… and 100 more columns; -o json shows them"


NOTHING: dict[str, Any] = dict.fromkeys(
    ("target", "ignore", "types", "missing", "delimiter", "decimal", "header", "image_size",
     "image_class", "channel_axis")
)  # fmt: skip


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param({"target": "a"}, {"target": "a"}, id="target"),
        pytest.param({"ignore": ["a", "b"]}, {"ignore": ["a", "b"]}, id="ignore"),
        pytest.param(
            {"types": ["a=text", "b=c=number", "d="]},
            {"types": {"a": "text", "b=c": "number", "d": None}},
            id="types",
        ),
        pytest.param({"missing": ["?", ""]}, {"missing": ["?", ""]}, id="missing"),
        pytest.param({"delimiter": "tab"}, {"delimiter": "\t"}, id="tab"),
        pytest.param({"delimiter": "\\t"}, {"delimiter": "\t"}, id="tab-as-an-escape"),
        pytest.param({"decimal": Decimal.COMMA}, {"decimal": ","}, id="decimal"),
        pytest.param({"header": False}, {"header": False}, id="no-header"),
        pytest.param({"image_size": "32X64"}, {"imageSize": [32, 64]}, id="image-size"),
        pytest.param(
            {"image_class": ImageClass.FIRST_FOLDER}, {"imageClass": "first-folder"}, id="class"
        ),
        pytest.param({"channel_axis": ChannelAxis.LAST}, {"channelAxis": "last"}, id="axis"),
    ],
)  # fmt: skip
def test_options_become_choices(given: dict[str, Any], fields: dict[str, Any]) -> None:
    assert schema_options.chosen(**{**NOTHING, **given}) == fields


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param({"types": ["a=float"]}, "TYPE is one of integer, number", id="unknown-type"),
        pytest.param({"types": ["a"]}, "give COLUMN=TYPE", id="no-type"),
        pytest.param({"types": ["=text"]}, "give COLUMN=TYPE", id="no-column"),
        pytest.param({"delimiter": ";;"}, "give ',', ';', '|' or tab", id="delimiter"),
        pytest.param({"image_size": "32"}, "give HEIGHTxWIDTH", id="one-side"),
        pytest.param({"image_size": "0x9"}, "each from 1 to 4096", id="no-height"),
        pytest.param({"image_size": "5000x9"}, "each from 1 to 4096", id="too-high"),
    ],
)
def test_options_that_are_no_choices(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageProblem, match=message):
        schema_options.chosen(**{**NOTHING, **given})


def test_every_choice_can_be_taken_back() -> None:
    from trainyard_api.datasets.choices import SchemaChoices

    aliases = {field.alias for field in SchemaChoices.model_fields.values()}
    assert {choice.field for choice in datasets.Choice} == aliases
    assert set(schema_options.chosen(**_everything())) == aliases


def _everything() -> dict[str, Any]:
    return {
        "target": "a", "ignore": ["b"], "types": ["c=text"], "missing": ["?"], "delimiter": ";",
        "decimal": Decimal.COMMA, "header": True, "image_size": "1x1",
        "image_class": ImageClass.LAST_FOLDER, "channel_axis": ChannelAxis.FIRST,
    }  # fmt: skip
