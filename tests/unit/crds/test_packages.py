"""`spec.packages`: what is accepted, and what a refusal says."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from trainyard_api.session.spec import TrainingSessionSpec

CODE = {"bundle": "c" * 64}

ACCEPTED = {
    "requirements.txt": {"file": "requirements.txt"},
    "requirements by another name": {"file": "requirements/gpu.txt"},
    "a project": {"file": "pyproject.toml"},
    "a project in a folder": {"file": "apps/train/pyproject.toml"},
    "a lock": {"file": "uv.lock"},
    "a script with a header": {"file": "scripts/train me.py"},
    "lines": {"requirements": ["transformers>=5", "einops"]},
    "a line with extras and a marker": {"requirements": ["a[b,c]>=1; python_version < '3.13'"]},
}


@pytest.mark.parametrize("packages", ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(packages: dict[str, Any]) -> None:
    spec = TrainingSessionSpec.model_validate(
        {"command": ["x"], "code": CODE, "packages": packages}
    )

    assert spec.wire()["packages"] == packages


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "both": (
        {"packages": {"file": "requirements.txt", "requirements": ["a"]}},
        "exactly one of file",
    ),
    "neither": ({"packages": {}}, "exactly one of file"),
    "a file of another kind": ({"packages": {"file": "setup.cfg"}}, "names no list of packages"),
    "pyproject.toml in another name": (
        {"packages": {"file": "mypyproject.toml"}},
        "names no list of packages",
    ),
    "a path of this machine": ({"packages": {"file": "/home/a/r.txt"}}, "within the code bundle"),
    "a path that leads out": ({"packages": {"file": "../r.txt"}}, "within the code bundle"),
    "a path of Windows": ({"packages": {"file": "a\\r.txt"}}, "within the code bundle"),
    "no lines": ({"packages": {"requirements": []}}, "at least 1 item"),
    "too many lines": ({"packages": {"requirements": ["a"] * 501}}, "at most 500"),
    "a line that is too long": ({"packages": {"requirements": ["a" * 1001]}}, "at most 1000"),
    "an option": ({"packages": {"requirements": ["--index-url https://x"]}}, "is no requirement"),
    "two lines in one": ({"packages": {"requirements": ["a\n--pre"]}}, "is no requirement"),
    "an empty line": ({"packages": {"requirements": [""]}}, "is no requirement"),
    "a file without code": (
        {"packages": {"file": "requirements.txt"}, "code": None},
        "give code, or packages.requirements",
    ),
    "the built-in trainer": (
        {
            "packages": {"requirements": ["a"]},
            "command": None,
            "code": None,
            "dataset": "d",
            "training": {"task": "tabular-regression"},
        },
        "packages needs a command",
    ),
}


@pytest.mark.parametrize(("fields", "sentence"), REFUSED.values(), ids=REFUSED)
def test_refused_in_a_sentence(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TrainingSessionSpec.model_validate({"command": ["x"], "code": CODE, **fields})

    assert sentence in str(caught.value)
