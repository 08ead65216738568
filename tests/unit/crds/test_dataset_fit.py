"""Which trainings fit which datasets, and the sentence for those that do not."""

from __future__ import annotations

from typing import Any

import pytest

from trainyard_api.attempt import AttemptDataset
from trainyard_api.datasets.fit import NAMES_SHOWN, misfit
from trainyard_api.datasets.schema import ColumnSchema, DatasetSchema
from trainyard_api.session.references import DatasetReference
from trainyard_api.training import TrainingConfig

CLASSIFY = "tabular-classification"
REGRESS = "tabular-regression"


def column(name: str, kind: str, role: str = "feature", distinct: int | None = 9) -> ColumnSchema:
    return ColumnSchema(name=name, type=kind, role=role, distinct=distinct)


def table(*columns: ColumnSchema, **more: Any) -> DatasetSchema:
    target = next((c.name for c in columns if c.role == "target"), None)
    values = {"samples": 5000, "dimensions": [5000, len(columns)], "target": target, **more}
    return DatasetSchema(columns=list(columns), **values)


FLOWERS = table(
    column("id", "text", distinct=None, role="ignored"),
    column("width", "number", distinct=None),
    column("colour", "text", distinct=4),
    column("kind", "text", role="target", distinct=3),
    classes=["a", "b", "c"],
)
HOUSES = table(
    column("rooms", "integer"), column("sold", "date"), column("price", "number", role="target")
)
PEOPLE = table(
    column("name", "text", distinct=700),
    column("ticket", "text", distinct=600),
    column("cabin", "other"),
    column("age", "number"),
    column("survived", "boolean", role="target", distinct=2),
    classes=["false", "true"],
)
ARRAYS = table(
    ColumnSchema(name="x", type="float32[60, 8]", role="feature"),
    ColumnSchema(name="y", type="<U5[60]", role="target"),
    inputs="x",
    classes=["cat", "dog"],
)
FOLDERS = DatasetSchema(samples=40, dimensions=[40, 3, 8, 8], classes=["cat", "dog"])
MANY_VALUES = table(column("a", "number"), column("kind", "text", role="target", distinct=None))
NO_TARGET = table(ColumnSchema(name="data", type="float32[6]"))
LINES = table(column("text", "text"), column("kind", "text", role="target"))


@pytest.mark.parametrize(
    ("schema", "file_format", "training"),
    [
        pytest.param(FLOWERS, "csv", {"task": CLASSIFY}, id="a-table-as-it-is"),
        pytest.param(FLOWERS, "csv", {"task": CLASSIFY, "target": "colour"}, id="another-target"),
        pytest.param(
            FLOWERS, "csv", {"task": REGRESS, "target": "width", "ignoreColumns": ["kind"]},
            id="a-number-as-target",
        ),
        pytest.param(
            HOUSES, "parquet", {"task": REGRESS, "ignoreColumns": ["sold"]}, id="dates-ignored"
        ),
        pytest.param(PEOPLE, "csv", {"task": CLASSIFY, "ignoreColumns": ["name", "ticket", "cabin"]},
                     id="identifiers-ignored"),
        pytest.param(ARRAYS, "npz", {"task": "image-classification"}, id="arrays"),
        pytest.param(FOLDERS, "images", {"task": "image-classification"}, id="images"),
        pytest.param(LINES, "jsonl", {"task": "language-modeling"}, id="texts-in-lines"),
        pytest.param(
            DatasetSchema(samples=9, dimensions=[9]), "text", {"task": "language-modeling"}, id="text"
        ),
        pytest.param(
            DatasetSchema(
                samples=9, dimensions=[9, 2], columns=[column("a", "text")], revision=0
            ),
            "csv", {"task": CLASSIFY, "target": "b"}, id="an-old-dataset-tells-nothing",
        ),
    ],
)  # fmt: skip
def test_a_training_fits(schema: DatasetSchema, file_format: str, training: dict[str, Any]) -> None:
    assert misfit(schema, file_format, TrainingConfig.model_validate(training)) is None


@pytest.mark.parametrize(
    ("schema", "file_format", "training", "field", "message"),
    [
        pytest.param(
            FLOWERS, "csv", {"task": CLASSIFY, "target": "Kind"}, "target",
            "'Kind' is not a column of the dataset; the columns are 'id', 'width', 'colour', 'kind'",
            id="unknown-target",
        ),
        pytest.param(
            FLOWERS, "csv", {"task": CLASSIFY, "ignoreColumns": ["id", "nr"]}, "ignoreColumns",
            "'nr' is not a column of the dataset; the columns are 'id', 'width', 'colour', 'kind'",
            id="unknown-column-ignored",
        ),
        pytest.param(
            FLOWERS, "csv", {"task": CLASSIFY, "ignoreColumns": ["kind"]}, "target",
            "'kind' is the dataset's target and listed in ignoreColumns; name another of",
            id="the-target-ignored",
        ),
        pytest.param(
            FLOWERS, "csv", {"task": CLASSIFY, "target": "kind", "ignoreColumns": ["kind"]},
            "target", "'kind' is listed in ignoreColumns, too", id="a-named-target-ignored",
        ),
        pytest.param(
            FLOWERS, "csv", {"task": CLASSIFY, "ignoreColumns": ["id", "width", "colour"]},
            "ignoreColumns", "no column is left to learn from", id="all-columns-ignored",
        ),
        pytest.param(
            FLOWERS, "csv", {"task": REGRESS}, "target",
            "'kind' holds 3 different texts, not numbers; choose a column of numbers",
            id="regression-on-texts",
        ),
        pytest.param(
            HOUSES, "csv", {"task": REGRESS, "target": "sold"}, "target",
            "'sold' holds dates, not numbers", id="regression-on-dates",
        ),
        pytest.param(
            ARRAYS, "npz", {"task": REGRESS}, "target", "'y' holds <U5[60], not numbers",
            id="regression-on-an-array-of-texts",
        ),
        pytest.param(
            HOUSES, "csv", {"task": REGRESS}, "ignoreColumns",
            "'sold' (dates) cannot be a feature; list them in ignoreColumns", id="a-date-as-feature",
        ),
        pytest.param(
            PEOPLE, "csv", {"task": CLASSIFY}, "ignoreColumns",
            "'name' (700 different texts), 'ticket' (600 different texts), 'cabin' (lists, objects"
            " or binary values) cannot be features", id="all-identifiers-at-once",
        ),
        pytest.param(
            table(column("a", "number"), column("k", "text", role="target"), classes=["x"]), "csv",
            {"task": CLASSIFY}, "target", "'k': there is one class 'x'; two are needed at least",
            id="one-class",
        ),
        pytest.param(
            MANY_VALUES, "csv", {"task": CLASSIFY}, "target",
            "'kind': there are more than 1000 different values, and at most 1000 classes",
            id="more-classes-than-there-may-be",
        ),
        pytest.param(
            DatasetSchema(samples=9, dimensions=[9], classes=["cat"]), "images",
            {"task": "image-classification"}, "task", "there is one class 'cat'",
            id="images-of-one-class",
        ),
        pytest.param(
            FLOWERS, "csv", {"task": "image-classification"}, "task",
            "image-classification needs images or npz; the dataset is csv; with csv go"
            " tabular-classification, tabular-regression", id="images-from-a-table",
        ),
        pytest.param(
            FOLDERS, "images", {"task": CLASSIFY}, "task", "needs csv or parquet or jsonl or npz or npy",
            id="a-table-from-images",
        ),
        pytest.param(
            NO_TARGET, "npz", {"task": CLASSIFY}, "target",
            "name the array to predict: the arrays are 'data'", id="arrays-without-a-target",
        ),
        pytest.param(
            FLOWERS, "jsonl", {"task": "language-modeling"}, "task",
            "reads the field 'text' of each line; the fields are 'id', 'width'",
            id="lines-without-a-text",
        ),
    ],
)  # fmt: skip
def test_a_training_does_not_fit(
    schema: DatasetSchema, file_format: str, training: dict[str, Any], field: str, message: str
) -> None:
    found = misfit(schema, file_format, TrainingConfig.model_validate(training))
    assert found is not None
    assert (found.field, message in found.message) == (field, True), found.message


def test_a_sentence_about_ten_thousand_columns_is_short() -> None:
    wide = table(*(column(f"{n:0500}", "number") for n in range(10_000)), target="0")
    found = misfit(wide, "csv", TrainingConfig.model_validate({"task": CLASSIFY, "target": "k"}))
    assert found is not None
    assert f"and {10_000 - NAMES_SHOWN} more" in found.message
    assert len(found.message) < 3000


def test_the_file_of_the_schema_goes_from_the_status_to_the_attempt() -> None:
    reference = DatasetReference.model_validate(
        {"state": "Found", "name": "d", "file": "f/data.csv", "format": "csv", "sha256": "0",
         "schema": "f/schema-1.json", "schemaRevision": 1}
    )  # fmt: skip
    attempt = AttemptDataset.model_validate(reference.wire())
    assert attempt.schema_file == "f/schema-1.json"
    assert attempt.wire()["schema"] == "f/schema-1.json"
