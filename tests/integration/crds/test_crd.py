"""The real API server accepts the CRDs, fills in defaults, and refuses what the rules refuse, in our words."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster import api_client
from kubernetes import client

from trainyard_api import names
from trainyard_api.session.spec import TrainingSessionSpec

pytestmark = pytest.mark.integration

TRAINING = {"task": "tabular-classification"}
GOOD = {"training": TRAINING, "dataset": "digits"}


@pytest.fixture
def sessions(kubeconfig: Path, namespace: str) -> Iterator[Sessions]:
    with api_client(kubeconfig) as api:
        yield Sessions(client.CustomObjectsApi(api), namespace)


class Sessions:
    """TrainingSessions of one namespace."""

    def __init__(self, api: client.CustomObjectsApi, namespace: str) -> None:
        self._api = api
        self._where = (names.GROUP, names.VERSION, namespace, names.SESSION_PLURAL)

    def create(self, spec: dict[str, Any], name: str = "s") -> dict[str, Any]:
        body = {
            "apiVersion": names.API_VERSION,
            "kind": names.SESSION_KIND,
            "metadata": {"name": name},
            "spec": spec,
        }
        return self._api.create_namespaced_custom_object(
            *self._where, body, field_validation="Strict"
        )

    def patch(self, change: dict[str, Any], name: str = "s") -> dict[str, Any]:
        return self._api.patch_namespaced_custom_object(*self._where, name, {"spec": change})


def refusal(call: Any, *arguments: Any) -> str:
    with pytest.raises(client.ApiException) as caught:
        call(*arguments)
    assert caught.value.status in (400, 422)
    return str(caught.value.body)


def test_defaults_of_the_api_server_are_those_of_the_models(sessions: Sessions) -> None:
    created = sessions.create(GOOD)

    assert created["spec"] == TrainingSessionSpec.model_validate(GOOD).wire()


REFUSED = [
    pytest.param({}, "give exactly one of training", id="neither training nor command"),
    pytest.param({**GOOD, "command": ["x"]}, "give exactly one of training", id="both"),
    pytest.param({"training": TRAINING}, "training needs a dataset", id="no dataset"),
    pytest.param(
        {**GOOD, "training": {**TRAINING, "model": {"architecture": "cnn"}}},
        "model.architecture for tabular-classification must be one of: mlp",
        id="architecture of another task",
    ),
    pytest.param(
        {
            **GOOD,
            "training": {**TRAINING, "model": {"architecture": "mlp", "parameters": {"heads": 4}}},
        },
        "parameters of mlp are: hiddenSizes, activation, dropout",
        id="parameter of another architecture",
    ),
    pytest.param(
        {
            **GOOD,
            "training": {
                "task": "language-modeling",
                "model": {"architecture": "transformer", "parameters": {"heads": 3}},
            },
        },
        "embeddingSize (default 128) must be a multiple of heads",
        id="heads that do not divide",
    ),
    pytest.param(
        {**GOOD, "training": {**TRAINING, "earlyStopping": {}, "validationSplit": 0}},
        "earlyStopping needs a validationSplit above 0",
        id="early stopping without validation",
    ),
    pytest.param(
        {**GOOD, "training": {**TRAINING, "momentum": 0.5}},
        "momentum is used by the optimizers sgd and rmsprop only",
        id="momentum with adam",
    ),
    pytest.param(
        {**GOOD, "training": {**TRAINING, "scheduler": {"minLearningRate": 0.5}}},
        "scheduler.minLearningRate must not be above learningRate",
        id="floor above rate",
    ),
    pytest.param(
        {**GOOD, "training": {**TRAINING, "checkpointEvery": {"epochs": 1, "steps": 1}}},
        "give exactly one of epochs, steps and seconds",
        id="two checkpoint rhythms",
    ),
    pytest.param({**GOOD, "workers": 65}, "less than or equal to 64", id="too many workers"),
    pytest.param({**GOOD, "resources": {"gpus": -1}}, "greater than or equal to 0", id="gpus"),
    pytest.param({**GOOD, "resources": {"cpu": "many"}}, "resources.cpu", id="cpu"),
    pytest.param({**GOOD, "podSpec": {}}, "unknown field", id="unknown field"),
]


@pytest.mark.parametrize(("spec", "words"), REFUSED)
def test_refused_with_the_rules_words(sessions: Sessions, spec: dict[str, Any], words: str) -> None:
    assert words in refusal(sessions.create, spec)


ACCEPTED = [
    pytest.param({"command": ["python", "train.py"]}, id="command without dataset"),
    pytest.param(
        {
            **GOOD,
            "training": {
                **TRAINING,
                "model": {
                    "architecture": "mlp",
                    "parameters": {"hiddenSizes": [64], "dropout": 0.1},
                },
                "optimizer": "sgd",
                "momentum": 0.8,
                "earlyStopping": {"patience": 3},
                "checkpointEvery": {"seconds": 30},
                "scheduler": {"name": "cosine", "minLearningRate": 0.0001},
            },
        },
        id="everything of an mlp",
    ),
    pytest.param(
        {
            "dataset": "text",
            "training": {
                "task": "language-modeling",
                "model": {
                    "architecture": "transformer",
                    "parameters": {"heads": 3, "embeddingSize": 96},
                },
            },
        },
        id="transformer",
    ),
    pytest.param({**GOOD, "resources": {"gpus": 0, "cpu": 2, "memory": "1Gi"}}, id="cpu as number"),
]


@pytest.mark.parametrize("spec", ACCEPTED)
def test_accepted(sessions: Sessions, spec: dict[str, Any]) -> None:
    assert sessions.create(spec)["metadata"]["uid"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"dataset": "other"}, "dataset cannot change after creation", id="dataset"),
        pytest.param(
            {"training": {"epochs": 99}}, "training cannot change after creation", id="training"
        ),
        pytest.param(
            {"resources": {"gpus": 2}}, "resources cannot change after creation", id="resources"
        ),
        pytest.param({"workers": 2}, "workers cannot change after creation", id="workers"),
        pytest.param(
            {"outputModel": "m"}, "outputModel cannot be added or removed", id="added later"
        ),
        pytest.param({"dataset": None}, "dataset cannot be added or removed", id="removed later"),
    ],
)
def test_what_is_fixed_cannot_change(
    sessions: Sessions, change: dict[str, Any], words: str
) -> None:
    sessions.create(copy.deepcopy(GOOD))

    assert words in refusal(sessions.patch, change)


def test_priority_and_desired_state_may_change_until_stopped(sessions: Sessions) -> None:
    sessions.create(GOOD)
    assert sessions.patch({"priority": 7})["spec"]["priority"] == 7
    assert sessions.patch({"desiredState": "Suspended"})["spec"]["desiredState"] == "Suspended"
    sessions.patch({"desiredState": "Stopped"})

    assert "desiredState Stopped is final" in refusal(sessions.patch, {"desiredState": "Running"})


@pytest.mark.parametrize("name", ["a" * 49, "with.dot"], ids=["too long", "dot"])
def test_names_that_leave_no_room_for_children_are_refused(sessions: Sessions, name: str) -> None:
    assert "metadata.name must be a DNS label of at most 48" in refusal(sessions.create, GOOD, name)
