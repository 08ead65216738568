"""Which datasets a pod sees: those that its session names, by what the gateway wrote of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import orjson
import pytest
from operator_state import CONFIG, make_session
from pydantic import ValidationError

from trainyard_operator.core.manifests import build_job


def reference(name: str, folder: str, **more: str) -> dict[str, Any]:
    facts = {"state": "Found", "format": "csv", "sha256": "0"}
    return {**facts, "name": name, "file": f"{folder}/data.csv", **more}


def container(spec: dict[str, Any], **status: Any) -> dict[str, Any]:
    """The trainer's container of a session with this spec and this part of its status."""
    written = {name: orjson.dumps(value) for name, value in status.items()}
    session = make_session("s", status=written)
    body = orjson.dumps({"command": ["run"], **spec})
    session = replace(session, spec=replace(session.spec, json=body))
    job = build_job(session, 1, ("n1",), CONFIG)
    found: dict[str, Any] = job["spec"]["template"]["spec"]["containers"][0]
    return found


def seen(found: dict[str, Any]) -> dict[str, str]:
    """Paths below the data volume by where the program sees them, except its run folder."""
    mounts = [m for m in found["volumeMounts"] if m["name"] == "data"]
    assert all("subPath" in m for m in mounts)
    others = [m for m in mounts if m["mountPath"] != "/data/run"]
    assert all(m["readOnly"] for m in others)
    return {m["mountPath"]: m["subPath"] for m in others}


def run_of(found: dict[str, Any]) -> dict[str, Any]:
    [text] = [e["value"] for e in found["env"] if e["name"] == "TRAINYARD_RUN"]
    run: dict[str, Any] = json.loads(text)
    return run


def folder_variable(found: dict[str, Any]) -> list[str]:
    return [e["value"] for e in found["env"] if e["name"] == "TRAINYARD_DATASETS_DIR"]


def test_a_session_that_names_none_sees_none() -> None:
    found = container({}, dataset=reference("a", "1"), datasets=[reference("b", "2")])

    assert seen(found) == {}
    assert folder_variable(found) == []
    assert {"dataset", "datasets"}.isdisjoint(run_of(found))


def test_one_dataset() -> None:
    found = container({"dataset": "a"}, dataset=reference("a", "1", schema="1/schema-1-0.json"))

    assert seen(found) == {"/data/datasets/a": "datasets/1"}
    assert folder_variable(found) == ["/data/datasets"]
    told = run_of(found)["dataset"]
    assert (told["file"], told["schema"]) == ("a/data.csv", "a/schema-1-0.json")


def test_several_datasets_and_no_other_one() -> None:
    written = [reference("c", "3"), reference("b", "2"), reference("a", "1")]
    found = container({"datasets": ["a", "b"]}, datasets=written)

    assert seen(found) == {"/data/datasets/a": "datasets/1", "/data/datasets/b": "datasets/2"}
    assert [d["file"] for d in run_of(found)["datasets"]] == ["a/data.csv", "b/data.csv"]


@pytest.mark.parametrize(
    ("written", "words"),
    [
        pytest.param(reference("b", "1"), "validation error", id="another-name"),
        pytest.param(reference("a", ".."), "not the path", id="the-folder-above"),
        pytest.param(reference("a", "1/../../gateway"), "not the path", id="leads-out"),
        pytest.param({"name": "a", "state": "NotFound"}, "validation error", id="not-found"),
    ],
)
def test_what_names_no_folder_of_the_dataset_is_not_mounted(
    written: dict[str, Any], words: str
) -> None:
    with pytest.raises((ValueError, ValidationError), match=words):
        container({"dataset": "a"}, dataset=written)
