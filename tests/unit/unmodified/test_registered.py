"""What the registry has of a program is held against what lies on the volume."""

from __future__ import annotations

import pytest
from lifecycle import Row
from registered import below, differences

LEFT = {"out/model.pt": "a1", "out/log/run.csv": "b2", "output.txt": "c3"}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        pytest.param("out", {"model.pt": "a1", "log/run.csv": "b2"}, id="folder"),
        pytest.param("out/log", {"run.csv": "b2"}, id="folder-below"),
        pytest.param("out/model.pt", {"model.pt": "a1"}, id="file"),
        pytest.param("missing", {}, id="neither"),
    ],
)
def test_an_output_is_a_folder_or_one_file(path: str, found: dict[str, str]) -> None:
    assert below(LEFT, path) == found


@pytest.mark.parametrize(
    ("left", "got", "wrong"),
    [
        pytest.param({"a": "1"}, {"a": "1"}, [], id="the-same"),
        pytest.param({"a": "1"}, {}, ["a in the registry: None is not 1"], id="lacks-one"),
        pytest.param({}, {"a": "1"}, ["a in the registry: 1 is not None"], id="has-one-more"),
        pytest.param({"a": "1"}, {"a": "2"}, ["a in the registry: 2 is not 1"], id="other-content"),
    ],
)
def test_every_difference_is_named(
    left: dict[str, str], got: dict[str, str], wrong: list[str]
) -> None:
    assert differences(left, got) == wrong


@pytest.mark.parametrize(("registered", "good"), [(0, False), (3, True)])
def test_a_program_without_files_in_the_registry_is_not_right(registered: int, good: bool) -> None:
    row = Row("one", [], attempts=3, preemptions=2, files=1, phase="Succeeded")
    row.registered = registered

    assert row.good is good
