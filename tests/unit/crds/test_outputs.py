"""`spec.outputs`: what is accepted, and what a refusal says."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trainyard_api import names
from trainyard_api.model import field_errors
from trainyard_api.session.outputs import OUTPUT_NAME_PATTERN, OUTPUT_PATH_PATTERN
from trainyard_api.session.spec import TrainingSessionSpec


def errors(*outputs: dict[str, Any]) -> list[str]:
    """`field: message` of every error."""
    try:
        TrainingSessionSpec.model_validate({"command": ["run"], "outputs": list(outputs)})
    except ValidationError as error:
        return [f"{e.field}: {e.message}" for e in field_errors(error, TrainingSessionSpec)]
    return []


@pytest.mark.parametrize(
    "path",
    [
        "out", "out/", "./out", "./out/best.pt", "out/a b/ü", ".hidden", "/data/run/x", "a..b/c",
        "/data/run/work/out/",
    ],
)  # fmt: skip
def test_paths_that_are_accepted(path: str) -> None:
    assert errors({"path": path, "name": "m"}) == []


@pytest.mark.parametrize(
    "path",
    [
        "..", "../x", "a/../b", ".", "./", "/", "/data/run", "/data/run/", "/data/runs/x", "/tmp/x",
        "a//b", "a/./b", "C:\\x", "a\nb", "~/../x", "././x",
    ],
    ids=ascii,
)  # fmt: skip
def test_paths_that_are_refused(path: str) -> None:
    (found,) = errors({"path": path, "name": "m"})
    assert found.startswith("outputs.0.path: ")
    assert "below /data/run" in found


@pytest.mark.parametrize("name", ["m", "M-1_x.y", pytest.param("a" * 128, id="long"), "1.2.3"])
def test_names_that_are_accepted(name: str) -> None:
    assert errors({"path": "out", "name": name}) == []


@pytest.mark.parametrize(
    "name", ["-a", "a-", "a..b", "a b", "ä", "a/b", "a\n", ".a", "a."], ids=ascii
)
def test_names_that_are_refused(name: str) -> None:
    (found,) = errors({"path": "out", "name": name})
    assert found.startswith("outputs.0.name: ")


def test_what_is_too_much_or_missing() -> None:
    assert errors({"path": "out"}) == ["outputs.0.name: Field required"]
    assert errors({"path": "a", "name": "m"}, {"path": "b", "name": "m"}) == [
        "outputs: two outputs are called m: give each one its name"
    ]
    assert len(errors(*({"path": "a", "name": f"m{n}"} for n in range(17)))) == 1
    assert errors({"path": "a", "name": "m", "kind": "x"}) == [
        "outputs.0.kind: unknown field; accepted are name, path"
    ]


@given(st.text("aA1-_.", max_size=8))
def test_names_are_those_of_models(name: str) -> None:
    matches = re.fullmatch(OUTPUT_NAME_PATTERN[1:-1], name) is not None
    assert matches is names.is_artifact_name(name)


@given(st.text("a./", max_size=10))
def test_no_path_leads_out(path: str) -> None:
    if re.fullmatch(OUTPUT_PATH_PATTERN[1:-1], path):
        assert ".." not in path.split("/")
        assert not path.startswith("/")
