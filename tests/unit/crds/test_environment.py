"""`spec.env` and `spec.secrets`: what is accepted, and what a refusal says."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from trainyard_api.model import field_errors
from trainyard_api.session.spec import TrainingSessionSpec


def errors(**spec: Any) -> list[str]:
    """`field: message` of every error."""
    try:
        TrainingSessionSpec.model_validate({"command": ["run"], **spec})
    except ValidationError as error:
        return [f"{e.field}: {e.message}" for e in field_errors(error, TrainingSessionSpec)]
    return []


@pytest.mark.parametrize(
    "name",
    [
        "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "NODE_RANK", "GROUP_RANK", "MASTER_ADDR",
        "MASTER_PORT", "JOB_COMPLETION_INDEX", "TRAINYARD_RUN", "TRAINYARD_X", "KUBERNETES_SERVICE_HOST",
        "PET_NNODES", "TORCHELASTIC_RUN_ID", "NVIDIA_VISIBLE_DEVICES",
    ],
)  # fmt: skip
def test_a_name_that_is_set_already_is_refused_by_name(name: str) -> None:
    (found,) = errors(env=[{"name": "OK"}, {"name": name, "value": "x"}])
    assert found == (f"env.1.name: {name} is set by Trainyard or Kubernetes itself: leave it out")


@pytest.mark.parametrize("name", ["HF_TOKEN", "_", "a1", "RANKS", "MY_RANK", "TRAINYARD", "HOME"])
def test_other_names_are_accepted(name: str) -> None:
    assert errors(env=[{"name": name, "value": "a\nb = $ ü"}]) == []


@pytest.mark.parametrize(
    "name", ["", "1A", "A-B", "A B", "A=B", "Ä", "A\n", pytest.param("A" * 129, id="long")]
)
def test_a_name_that_no_shell_knows_is_refused(name: str) -> None:
    (found,) = errors(env=[{"name": name}])
    assert found.startswith("env.0.name: ")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param(
            {"env": [{"name": "A"}, {"name": "A"}]}, "env: A is set twice", id="env-twice"
        ),
        pytest.param({"env": [{"name": "A", "value": "\0"}]}, "env.0.value: ", id="nul"),
        pytest.param({"env": [{"name": "A", "value": "x" * 4097}]}, "env.0.value: ", id="long"),
        pytest.param({"env": [{"name": f"A{n}"} for n in range(65)]}, "env: ", id="many"),
        pytest.param({"env": {"A": "1"}}, "env: ", id="mapping"),
        pytest.param({"secrets": ["a", "a"]}, "secrets: a is named twice", id="secret-twice"),
        pytest.param({"secrets": ["Hub"]}, "secrets.0: ", id="secret-name"),
        pytest.param({"secrets": [f"s{n}" for n in range(9)]}, "secrets: ", id="many-secrets"),
        pytest.param({"gracePeriodSeconds": 0}, "gracePeriodSeconds: ", id="no-grace"),
        pytest.param({"resources": {"scratch": "0"}}, "resources.scratch: ", id="no-scratch"),
    ],
)
def test_a_refusal_names_the_field(spec: dict[str, Any], expected: str) -> None:
    (found,) = errors(**spec)
    assert found.startswith(expected)
