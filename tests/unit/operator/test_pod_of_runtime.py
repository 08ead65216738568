"""What the administrator says of pods: labels, annotations, priority, users and groups."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from operator_state import CONFIG, make_session

from trainyard_operator.core.builder_job import build_builder
from trainyard_operator.core.config import OperatorConfig, RunAs
from trainyard_operator.core.manifests import build_job
from trainyard_scheduler.objects.model import Session

USERS = ("runAsUser", "runAsGroup", "fsGroup")


def asking(**spec: Any) -> Session:
    session = make_session("s")
    whole = {"command": ["python3", "train.py"], **spec}
    return replace(session, spec=replace(session.spec, json=orjson.dumps(whole)))


def attempt(config: OperatorConfig) -> dict[str, Any]:
    template: dict[str, Any] = build_job(asking(), 1, ("n1",), config)["spec"]["template"]
    return template


def installation(config: OperatorConfig) -> dict[str, Any]:
    session = asking(packages={"requirements": ["numpy"]})
    template: dict[str, Any] = build_builder(session, 1, config)["spec"]["template"]
    return template


def with_runtime(**values: Any) -> OperatorConfig:
    return replace(
        CONFIG, pods={**CONFIG.pods, "default": replace(CONFIG.pods["default"], **values)}
    )


both = pytest.mark.parametrize("pod", [attempt, installation])


@both
def test_labels_and_annotations_of_the_runtime_stand_beside_ours(pod: Any) -> None:
    before = pod(CONFIG)["metadata"]
    labels = {"cost-centre": "vision", "trainyard.io/session": "another"}
    after = pod(with_runtime(labels=labels, annotations={"a": "b"}))["metadata"]

    assert after["labels"] == {"cost-centre": "vision", **before["labels"]}
    assert after["annotations"] == {"a": "b"}
    assert "annotations" not in before


@both
def test_the_priority_class_is_the_runtimes(pod: Any) -> None:
    assert pod(with_runtime(priority_class="training"))["spec"]["priorityClassName"] == "training"
    assert "priorityClassName" not in pod(CONFIG)["spec"]


@both
@pytest.mark.parametrize(
    ("run_as", "users"),
    [
        (RunAs(), {"runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001}),
        (RunAs(5, 6, 7), {"runAsUser": 5, "runAsGroup": 6, "fsGroup": 7}),
        (RunAs(None, None, None), {}),
        (RunAs(None, None, 7), {"fsGroup": 7}),
    ],
    ids=["defaults", "others", "assigned", "only the volume's group"],
)
def test_users_and_groups(pod: Any, run_as: RunAs, users: dict[str, int]) -> None:
    security = pod(replace(CONFIG, run_as=run_as))["spec"]["securityContext"]

    assert {k: security[k] for k in USERS if k in security} == users
    assert security["runAsNonRoot"] is True


def test_variables_of_installations_never_replace_ours() -> None:
    chosen = {"HTTPS_PROXY": "http://proxy:3128", "HOME": "/elsewhere"}
    config = replace(CONFIG, environments=replace(CONFIG.environments, env=chosen))
    variables = installation(config)["spec"]["containers"][0]["env"]
    found = {v["name"]: v.get("value") for v in variables}

    assert found["HTTPS_PROXY"] == "http://proxy:3128"
    assert found["HOME"] == "/tmp"
    assert len(found) == len(variables)
