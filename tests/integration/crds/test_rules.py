"""Every rule of the CRDs, once kept and once broken, on a real API server; a rule without a case fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster import ROOT, api_client
from kubernetes import client

from trainyard_api import names
from trainyard_api.command.template import (
    SPELLING_MESSAGE,
    STRUCTURE_MESSAGE,
    is_spelled,
    is_structured,
)
from trainyard_api.environment import RESERVED_MESSAGE
from trainyard_api.quantity import CPU, MEMORY, SPACE

pytestmark = pytest.mark.integration

TABLE = {"task": "tabular-classification"}
TRAINING: dict[str, Any] = {"training": TABLE, "dataset": "digits"}
COMMAND: dict[str, Any] = {"command": ["python", "train.py"]}
OUTPUTS: dict[str, Any] = {"outputs": [{"path": "out/best", "name": "m"}]}
LINES: dict[str, Any] = {"packages": {"requirements": ["numpy"]}}
IF_CHECKPOINT = ["train", "{if-checkpoint}"]
CODE: dict[str, Any] = {"code": {"bundle": "c" * 64}}


def trained(task: str = "tabular-classification", **changes: Any) -> dict[str, Any]:
    return {"training": {"task": task, **changes}, "dataset": "digits"}


def model(task: str, architecture: str, **parameters: Any) -> dict[str, Any]:
    chosen: dict[str, Any] = {"architecture": architecture}
    if parameters:
        chosen["parameters"] = parameters
    return trained(task, model=chosen)


def asks(**resources: str) -> dict[str, Any]:
    return COMMAND | {"resources": {"gpus": 1, **resources}}


IMAGES, TEXT = "image-classification", "language-modeling"

CREATION: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "give exactly one of training (built-in trainer) and command (your own program)": (
        COMMAND,
        TRAINING | COMMAND,
    ),
    CPU.sentence: (asks(cpu="1.5"), asks(cpu="11k")),
    MEMORY.sentence: (asks(memory="16Mi"), asks(memory="512")),
    SPACE.sentence: (asks(scratch="1"), asks(scratch="0")),
    "training needs a dataset": (TRAINING, {"training": TABLE}),
    "give dataset for one and datasets for several, not both": (
        COMMAND | {"datasets": ["digits", "iris"]},
        COMMAND | {"dataset": "digits", "datasets": ["iris"]},
    ),
    "code needs a command: the program that starts in it": (COMMAND | CODE, TRAINING | CODE),
    RESERVED_MESSAGE: (
        COMMAND | {"env": [{"name": "HF_TOKEN_PATH", "value": "a\nb"}, {"name": "MY_RANK"}]},
        COMMAND | {"env": [{"name": "A"}, {"name": "PET_NNODES", "value": "2"}]},
    ),
    "packages needs a command: the built-in trainer has all that it needs": (
        COMMAND | LINES,
        TRAINING | LINES,
    ),
    "packages.file is a file of the code bundle: give code, or packages.requirements": (
        COMMAND | CODE | {"packages": {"file": "requirements.txt"}},
        COMMAND | {"packages": {"file": "requirements.txt"}},
    ),
    "give exactly one of file (in the code bundle) and requirements (lines)": (
        COMMAND | LINES,
        COMMAND | CODE | {"packages": {"file": "uv.lock", "requirements": ["numpy"]}},
    ),
    "file names no list of packages: it is a requirements file that ends in .txt, a pyproject.toml, a "
    "uv.lock, or a .py with inline script metadata": (
        COMMAND | CODE | {"packages": {"file": "train.py"}},
        COMMAND | CODE | {"packages": {"file": "environment.yaml"}},
    ),
    "resume needs a command: the built-in trainer resumes by itself": (
        COMMAND | {"resume": "auto"},
        TRAINING | {"resume": "auto"},
    ),
    SPELLING_MESSAGE: (
        {"command": [*IF_CHECKPOINT, "{latest-checkpoint:out/*.pt}", "{end}", "{a: [[1]]}", "{x}"]},
        {"command": ["train", "{{latest-checkpoint}}"]},
    ),
    STRUCTURE_MESSAGE: (
        {
            "command": [
                *IF_CHECKPOINT,
                "--r={latest-checkpoint}",
                "{else}",
                "--f",
                "{end}",
                "{else}",
            ]
        },
        {"command": ["train", "--resume", "{latest-checkpoint}"]},
    ),
    "embeddingSize (default 128) must be a multiple of heads (default 4)": (
        model(TEXT, "transformer", heads=3, embeddingSize=96),
        model(TEXT, "transformer", heads=3),
    ),
    "parameters of mlp are: hiddenSizes, activation, dropout": (
        model(IMAGES, "mlp", hiddenSizes=[8], activation="relu", dropout=0.1),
        model(IMAGES, "mlp", heads=4),
    ),
    "parameters of cnn are: activation, dropout, channels": (
        model(IMAGES, "cnn", channels=[8], activation="relu", dropout=0.1),
        model(IMAGES, "cnn", hiddenSizes=[8]),
    ),
    "parameters of resnet18 are: none": (
        model(IMAGES, "resnet18"),
        model(IMAGES, "resnet18", dropout=0.1),
    ),
    "parameters of transformer are: dropout, layers, heads, embeddingSize, contextLength": (
        model(TEXT, "transformer", dropout=0.1, layers=2, heads=2, contextLength=64),
        model(TEXT, "transformer", activation="relu"),
    ),
    "model.architecture for tabular-classification must be one of: mlp": (
        model("tabular-classification", "mlp"),
        model("tabular-classification", "cnn"),
    ),
    "model.architecture for tabular-regression must be one of: mlp": (
        model("tabular-regression", "mlp"),
        model("tabular-regression", "transformer"),
    ),
    "model.architecture for image-classification must be one of: mlp, cnn, resnet18": (
        model(IMAGES, "resnet18"),
        model(IMAGES, "transformer"),
    ),
    "model.architecture for language-modeling must be one of: transformer": (
        model(TEXT, "transformer"),
        model(TEXT, "mlp"),
    ),
    "give exactly one of epochs, steps and seconds": (
        trained(checkpointEvery={"steps": 100}),
        trained(checkpointEvery={"steps": 100, "seconds": 5}),
    ),
    "earlyStopping needs a validationSplit above 0": (
        trained(earlyStopping={}, validationSplit=0.1),
        trained(earlyStopping={}, validationSplit=0),
    ),
    "momentum is used by the optimizers sgd and rmsprop only": (
        trained(momentum=0.5, optimizer="rmsprop"),
        trained(momentum=0.5, optimizer="adamw"),
    ),
    "scheduler.minLearningRate must not be above learningRate": (
        trained(learningRate=0.1, scheduler={"minLearningRate": 0.1}),
        trained(learningRate=0.1, scheduler={"minLearningRate": 0.2}),
    ),
}
"""Message → (a spec that keeps the rule, one that breaks it)."""

Change = dict[str, Any]
FIXED: dict[str, tuple[dict[str, Any], Change, Change]] = {
    "training": (TRAINING, {"training": TABLE}, {"training": {"epochs": 99}}),
    "command": (COMMAND, COMMAND, {"command": ["other"]}),
    "code": (COMMAND | CODE, CODE, {"code": {"bundle": "d" * 64}}),
    "env": (
        COMMAND | {"env": [{"name": "A", "value": "1"}]},
        {"env": [{"name": "A", "value": "1"}]},
        {"env": [{"name": "A", "value": "2"}]},
    ),
    "secrets": (COMMAND | {"secrets": ["hub"]}, {"secrets": ["hub"]}, {"secrets": ["other"]}),
    "gracePeriodSeconds": (TRAINING, {"gracePeriodSeconds": 60}, {"gracePeriodSeconds": 61}),
    "dataset": (TRAINING, {"dataset": "digits"}, {"dataset": "other"}),
    "datasets": (
        COMMAND | {"datasets": ["digits"]},
        {"datasets": ["digits"]},
        {"datasets": ["digits", "other"]},
    ),
    "outputModel": (
        TRAINING | {"outputModel": "m"},
        {"outputModel": "m"},
        {"outputModel": "n"},
    ),
    "outputs": (
        COMMAND | OUTPUTS,
        OUTPUTS,
        {"outputs": [{"path": "other", "name": "m"}]},
    ),
    "packages": (COMMAND | LINES, LINES, {"packages": {"requirements": ["scipy"]}}),
    "resume": (COMMAND | {"resume": "auto"}, {"resume": "auto"}, {"resume": "none"}),
    "resumeFrom": (
        TRAINING | {"resumeFrom": {"session": "a"}},
        {"resumeFrom": {"session": "a"}},
        {"resumeFrom": {"checkpoint": "best"}},
    ),
    "reporting": (
        TRAINING | {"reporting": {"mlflow": False}},
        {"reporting": {"mlflow": False}},
        {"reporting": {"mlflow": True}},
    ),
    "resources": (TRAINING, {"resources": {"gpus": 1}}, {"resources": {"gpus": 2}}),
    "workers": (TRAINING, {"workers": 1}, {"workers": 2}),
    "runtime": (TRAINING, {"runtime": "default"}, {"runtime": "other"}),
    "queue": (TRAINING, {"queue": "default"}, {"queue": "other"}),
    "retry": (TRAINING, {"retry": {"limit": 3}}, {"retry": {"limit": 4}}),
    "maxRuntimeSeconds": (
        TRAINING | {"maxRuntimeSeconds": 60},
        {"maxRuntimeSeconds": 60},
        {"maxRuntimeSeconds": 61},
    ),
    "stallTimeoutSeconds": (
        TRAINING | {"stallTimeoutSeconds": 60},
        {"stallTimeoutSeconds": 60},
        {"stallTimeoutSeconds": 61},
    ),
}
"""Field → (spec, a change that keeps it, one that does not)."""

OPTIONAL: dict[str, tuple[dict[str, Any], Change]] = {
    "training": (COMMAND, TRAINING),
    "command": (TRAINING, COMMAND),
    "code": (COMMAND, CODE),
    "env": (COMMAND, {"env": [{"name": "A"}]}),
    "secrets": (COMMAND | {"secrets": ["hub"]}, {"secrets": None}),
    "dataset": (COMMAND, {"dataset": "digits"}),
    "datasets": (COMMAND, {"datasets": ["digits"]}),
    "outputModel": (TRAINING, {"outputModel": "m"}),
    "outputs": (COMMAND, OUTPUTS),
    "packages": (COMMAND, LINES),
    "reporting": (TRAINING | {"reporting": {"mlflow": False}}, {"reporting": None}),
    "resume": (COMMAND, {"resume": "auto"}),
    "resumeFrom": (TRAINING, {"resumeFrom": {"session": "a"}}),
    "maxRuntimeSeconds": (TRAINING | {"maxRuntimeSeconds": 60}, {"maxRuntimeSeconds": None}),
    "stallTimeoutSeconds": (TRAINING | {"stallTimeoutSeconds": 60}, {"stallTimeoutSeconds": None}),
}
"""Field → (spec, a change that adds or removes it)."""

UPDATE: dict[str, tuple[dict[str, Any], Change, Change]] = {
    "desiredState Stopped is final; create a new session with resumeFrom to continue": (
        TRAINING | {"desiredState": "Stopped"},
        {"desiredState": "Stopped", "priority": 3},
        {"desiredState": "Running"},
    ),
    **{f"{name} cannot change after creation": case for name, case in FIXED.items()},
    **{
        f"{name} cannot be added or removed after creation": (spec, {"priority": 3}, change)
        for name, (spec, change) in OPTIONAL.items()
    },
}
"""Message → (spec, a change that keeps the rule, one that breaks it)."""

NAMES = {"metadata.name must be a DNS label of at most 48 characters": ("a" * 48, "a" * 49)}


@pytest.fixture(scope="module")
def api(kubeconfig: Path) -> Iterator[client.CustomObjectsApi]:
    with api_client(kubeconfig) as opened:
        yield client.CustomObjectsApi(opened)


class Sessions:
    """TrainingSessions that are asked for; `dry` ones are not kept."""

    def __init__(self, api: client.CustomObjectsApi, namespace: str) -> None:
        self._api = api
        self._where = (names.GROUP, names.VERSION, namespace, names.SESSION_PLURAL)

    def create(self, spec: dict[str, Any], name: str = "s", dry: bool = True) -> None:
        body = {
            "apiVersion": names.API_VERSION,
            "kind": names.SESSION_KIND,
            "metadata": {"name": name},
            "spec": spec,
        }
        options = {"dry_run": "All"} if dry else {}
        self._api.create_namespaced_custom_object(
            *self._where, body, field_validation="Strict", **options
        )

    def change(self, change: Change) -> None:
        self._api.patch_namespaced_custom_object(*self._where, "s", {"spec": change}, dry_run="All")


@pytest.fixture
def sessions(api: client.CustomObjectsApi, namespace: str) -> Sessions:
    return Sessions(api, namespace)


def refusal(caught: pytest.ExceptionInfo[client.ApiException]) -> str:
    assert caught.value.status == 422
    return str(caught.value.body)


def rules(schema: Any) -> Iterator[str]:
    """The messages of all rules of a schema."""
    if isinstance(schema, dict):
        yield from (rule["message"] for rule in schema.get("x-kubernetes-validations", ()))
        for part in schema.values():
            yield from rules(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from rules(part)


def test_every_rule_has_a_case() -> None:
    written: set[str] = set()
    for file in sorted((ROOT / "crds").glob("*.yaml")):
        written |= set(rules(yaml.safe_load(file.read_text())))
    assert written == {*CREATION, *UPDATE, *NAMES}


@pytest.mark.parametrize("message", CREATION, ids=lambda text: text[:60])
def test_a_rule_at_creation(sessions: Sessions, message: str) -> None:
    kept, broken = CREATION[message]
    sessions.create(kept)
    with pytest.raises(client.ApiException) as caught:
        sessions.create(broken)
    assert message in refusal(caught)


@pytest.mark.parametrize("message", UPDATE, ids=lambda text: text[:60])
def test_a_rule_at_a_change(sessions: Sessions, message: str) -> None:
    spec, kept, broken = UPDATE[message]
    sessions.create(spec, dry=False)
    sessions.change(kept)
    with pytest.raises(client.ApiException) as caught:
        sessions.change(broken)
    assert message in refusal(caught)


@pytest.mark.parametrize("message", NAMES)
def test_a_rule_of_names(sessions: Sessions, message: str) -> None:
    kept, broken = NAMES[message]
    sessions.create(TRAINING, kept)
    for name in (broken, "a" * 253):
        with pytest.raises(client.ApiException) as caught:
            sessions.create(TRAINING, name)
        assert message in refusal(caught)


COMMANDS = (
    ["a", "{end}", "{else}", "{b,c}", "{0}", "[[x]]", "{}", "${A}"],
    ["a", "{if-checkpoint}", "--r", "{latest-checkpoint}", "{end}"],
    ["a", "{if-checkpoint}--r={latest-checkpoint:**/x y.pt}{else}--f{end}", "{end}"],
    ["a", "{if-checkpoint}", "x", "{end}", "{if-checkpoint}", "{latest-checkpoint}", "{end}"],
    ["sh", "-c", "x\n{if-checkpoint}\ny {latest-checkpoint}\n{else}\nz\n{end}"],
    ["a", "{latest-checkpoint}"],
    ["a", "{if-checkpoint}", "{end}", "{latest-checkpoint:x}"],
    ["a", "{if-checkpoint}", "{latest-checkpoint}"],
    ["a", "{if-checkpoint}", "{if-checkpoint}", "{end}", "{end}"],
    ["a", "{if-checkpoint}", "{else}", "{latest-checkpoint}", "{end}"],
    ["a", "{if-checkpoint}", "{else}", "\n", "{else}", "{end}"],
    ["a", "{latest_checkpoint}"],
    ["a", "{Latest-Checkpoint}"],
    ["a", "{ latest checkpoint }"],
    ["a", "{if-checkpoint}", "{{latest-checkpoint}}", "{end}"],
    ["a", "{if-checkpoint}", "{latest-checkpoint:}", "{end}"],
    ["a", "{if-checkpoint}", "{latest-checkpoint:a", "b}", "{end}"],
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_api_server_reads_commands_as_the_gateway_does(
    sessions: Sessions, command: list[str]
) -> None:
    if is_spelled(command) and is_structured(command):
        sessions.create({"command": command})
        return
    with pytest.raises(client.ApiException) as caught:
        sessions.create({"command": command})
    told = [m for m in (SPELLING_MESSAGE, STRUCTURE_MESSAGE) if m in refusal(caught)]
    found = zip((is_spelled, is_structured), (SPELLING_MESSAGE, STRUCTURE_MESSAGE), strict=True)
    assert told == [message for reads, message in found if not reads(command)]
