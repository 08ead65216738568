"""What is typed into the form of a session becomes the body of a request."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from web_functions import WebFunctions

OPENAPI = json.loads((Path(__file__).parents[3] / "docs" / "openapi.json").read_text())
SPEC = {
    "command": ["python", "train.py", "--name", "it's \"me\"", "$HOME", ""],
    "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "x y"}],
    "resources": {"gpus": 2, "memory": "4Gi"},
    "training": {"task": "image-classification", "learningRate": 0.0003, "model": {
        "architecture": "cnn", "parameters": {"channels": [8, 16]}}},
    "reporting": {"mlflow": False},
    "secrets": ["one", "two"],
    "priority": -5,
}  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "python train.py --lr 3e-4",
        "python  'a b' \"c 'd'\" e\\ f",
        "sh -c 'echo \"$HOME\" | wc'",
        'python "a\\"b" \'\'',
        "",
    ],
    ids=["plain", "quotes", "no shell", "an escape and an empty word", "none"],
)
def test_words_are_those_of_a_shell(web: WebFunctions, line: str) -> None:
    assert web.call("text/form", "words", line) == shlex.split(line)


def test_a_line_goes_on_after_a_backslash(web: WebFunctions) -> None:
    """As in a shell, and other than in `shlex`."""
    assert web.call("text/form", "words", "python \\\n  train.py") == ["python", "train.py"]


def test_a_spec_comes_back_from_the_form_as_it_was(web: WebFunctions) -> None:
    shapes = web.call("schema", "")
    typed = web.call("text/form", "typedOf", SPEC, shapes)

    assert web.call("text/form", "bodyOf", typed, shapes) == SPEC


@pytest.mark.parametrize(
    ("typed", "body"),
    [
        ({"priority": ""}, {}),
        ({"priority": "7"}, {"priority": 7}),
        ({"priority": "high"}, {"priority": "high"}),
        ({"workers": " 2 "}, {"workers": 2}),
        ({"resources": {"gpus": "", "memory": ""}}, {}),
        ({"resources": {"memory": "2"}}, {"resources": {"memory": "2"}}),
        ({"env": [{}, {"name": "A"}]}, {"env": [{"name": "A"}]}),
        ({"env": []}, {}),
        ({"secrets": "a\n\n b \n"}, {"secrets": ["a", "b"]}),
        ({"unknown": "1"}, {}),
    ],
    ids=[
        "empty", "a number", "no number", "blanks", "an empty object", "a quantity", "an empty row",
        "no rows", "lines", "no field",
    ],
)  # fmt: skip
def test_what_is_empty_is_left_out_and_what_is_wrong_is_sent_as_typed(
    web: WebFunctions, typed: dict[str, Any], body: dict[str, Any]
) -> None:
    assert web.call("text/form", "bodyOf", typed, web.call("schema", "")) == body


def test_the_form_has_every_field_of_a_start_request(web: WebFunctions) -> None:
    shown = {field["name"] for field in web.call("schema", "")}
    known = set(OPENAPI["components"]["schemas"]["StartRequest"]["properties"])

    assert known - shown == {"desiredState"}
    assert shown <= known


def test_every_field_says_what_it_is(web: WebFunctions) -> None:
    def bare(fields: list[dict[str, Any]], path: str = "") -> list[str]:
        return [
            found
            for field in fields
            for found in ([] if field["about"] else [path + field["name"]])
            + bare(field.get("fields") or [], f"{path}{field['name']}.")
        ]

    # The name is the one that the request adds to the spec.
    assert set(bare(web.call("schema", ""))) <= {"name"}


@pytest.mark.parametrize(
    "value",
    ["on", "1e3", "a: b", "# no", "null", "", "\u202eevil", "a\nb", "\U000e0041x", "'", '"', "- x"],
    ids=["a boolean", "a number", "a colon", "a comment", "null", "empty", "a direction", "lines",
         "a tag", "a quote", "two quotes", "a dash"],
)  # fmt: skip
def test_yaml_says_the_same_and_hides_nothing(web: WebFunctions, value: str) -> None:
    spec = {"command": ["python", value], "env": [{"name": "on", "value": value}], value or "x": []}
    text = web.call("text/yaml", "manifest", "digits", spec)

    assert yaml.safe_load(text)["spec"] == spec
    assert web.call("text/visible", "visible", text.replace("\n", "")) == text.replace("\n", "")
