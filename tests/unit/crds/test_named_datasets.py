"""The datasets that a session names, and where they may be on the volume."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from trainyard_api.session.datasets import DatasetPlace, in_own_folder, named_datasets, place_of
from trainyard_api.session.spec import TrainingSessionSpec

IDENTITY = "5f0c" * 8


@pytest.mark.parametrize(
    ("file", "place"),
    [
        pytest.param(f"{IDENTITY}/data.csv", DatasetPlace(IDENTITY, "data.csv"), id="registered"),
        pytest.param("7/..data", DatasetPlace("7", "..data"), id="dots-in-a-name"),
        pytest.param("data.csv", None, id="no-folder"),
        pytest.param("7/", None, id="no-file"),
        pytest.param("/data.csv", None, id="absolute"),
        pytest.param("7/..", None, id="the-folder-above"),
        pytest.param("7/.", None, id="the-folder-itself"),
        pytest.param("../7/data.csv", None, id="leads-out"),
        pytest.param("../data.csv", None, id="beside-all-datasets"),
        pytest.param(".incoming/data.csv", None, id="unfinished-uploads"),
        pytest.param(".lost/data.csv", None, id="set-aside"),
        pytest.param("7/8/data.csv", None, id="deeper"),
        pytest.param("7\n/data.csv", None, id="line-break"),
        pytest.param("7/a\x00b", None, id="nul"),
    ],
)
def test_a_place_is_a_file_in_a_folder_of_its_own(file: str, place: DatasetPlace | None) -> None:
    assert place_of(file) == place


@pytest.mark.parametrize(
    ("schema", "own"),
    [(None, True), ("7/schema-1.json", True), ("8/schema-1.json", False), ("schema", False)],
    ids=["none-yet", "beside-it", "of-another-dataset", "no-folder"],
)
def test_the_schema_is_in_the_folder_of_its_dataset(schema: str | None, own: bool) -> None:
    assert in_own_folder("7/data.csv", schema) is own
    assert not in_own_folder("../data.csv", schema)


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        pytest.param({}, (), id="none"),
        pytest.param({"dataset": None, "datasets": None}, (), id="null"),
        pytest.param({"dataset": "a"}, ("a",), id="one"),
        pytest.param({"datasets": ["b", "a"]}, ("b", "a"), id="several-in-their-order"),
    ],
)
def test_all_datasets_that_a_spec_names(spec: dict[str, Any], named: tuple[str, ...]) -> None:
    assert named_datasets(spec) == named


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        pytest.param({"datasets": ["a", "b", "a"]}, "a is named twice", id="twice"),
        pytest.param({"datasets": []}, "at least 1 item", id="empty"),
        pytest.param({"datasets": [f"d{n}" for n in range(17)]}, "at most 16", id="too-many"),
        pytest.param({"datasets": ["../a"]}, "pattern", id="a-path"),
        pytest.param({"datasets": ["a"], "dataset": "a"}, "not both", id="both"),
    ],
)
def test_what_no_session_may_name(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TrainingSessionSpec.model_validate({"command": ["run"], **fields})
