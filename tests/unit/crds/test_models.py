"""Ranges, rules across fields, and the words in which they are refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from trainyard_api.model import field_errors
from trainyard_api.session.spec import TrainingSessionSpec

TRAINING = {"task": "tabular-classification"}


def refused(spec: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        TrainingSessionSpec.model_validate(spec)
    return {e.field: e.message for e in field_errors(caught.value, TrainingSessionSpec)}


def test_optional_parameters_use_defaults() -> None:
    spec = TrainingSessionSpec.model_validate({"training": TRAINING, "dataset": "digits"})

    assert spec.training is not None
    assert (spec.training.epochs, spec.training.batch_size) == (10, 32)
    assert (spec.resources.gpus, spec.workers, spec.queue, spec.retry.limit) == (1, 1, "default", 3)


@pytest.mark.parametrize(
    ("training", "field", "words"),
    [
        pytest.param(
            {"epochs": 0}, "training.epochs", "greater than or equal to 1", id="zero epochs"
        ),
        pytest.param(
            {"learningRate": 0}, "training.learningRate", "greater than 0", id="zero rate"
        ),
        pytest.param(
            {"batchSize": -3}, "training.batchSize", "greater than or equal to 1", id="batch"
        ),
        pytest.param({"learningRate": "NaN"}, "training.learningRate", "finite", id="NaN rate"),
        pytest.param(
            {"batchsize": 8}, "training.batchsize", "did you mean 'batchSize'?", id="typo"
        ),
        pytest.param(
            {"task": "chess"}, "training.task", "tabular-classification", id="unknown task"
        ),
        pytest.param(
            {"model": {"architecture": "transformer"}},
            "training",
            "must be one of: mlp",
            id="architecture of another task",
        ),
        pytest.param(
            {"model": {"architecture": "mlp", "parameters": {"heads": 2}}},
            "training.model",
            "parameters of mlp are: hiddenSizes, activation, dropout",
            id="parameter of another architecture",
        ),
        pytest.param(
            {"earlyStopping": {}, "validationSplit": 0},
            "training",
            "validationSplit",
            id="no split",
        ),
        pytest.param({"momentum": 0.5}, "training", "sgd and rmsprop", id="momentum with adam"),
        pytest.param(
            {"checkpointEvery": {"epochs": 1, "steps": 5}},
            "training.checkpointEvery",
            "exactly one",
            id="two rhythms",
        ),
        pytest.param(
            {"learningRate": 0.01, "scheduler": {"minLearningRate": 0.1}},
            "training",
            "must not be above learningRate",
            id="floor above rate",
        ),
    ],
)
def test_invalid_training_is_refused_by_field(
    training: dict[str, Any], field: str, words: str
) -> None:
    errors = refused({"training": {**TRAINING, **training}, "dataset": "digits"})

    assert words in errors[field]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        pytest.param({}, "exactly one of training", id="neither"),
        pytest.param(
            {"training": TRAINING, "dataset": "d", "command": ["x"]}, "exactly one of", id="both"
        ),
        pytest.param({"training": TRAINING}, "training needs a dataset", id="no dataset"),
    ],
)
def test_invalid_combinations_are_refused(spec: dict[str, Any], words: str) -> None:
    assert words in " ".join(refused(spec).values())


@pytest.mark.parametrize("cpu", ["1", "500m", "0.5", 2, "16"])
def test_cpu_quantities(cpu: str | int) -> None:
    spec = TrainingSessionSpec.model_validate({"command": ["x"], "resources": {"cpu": cpu}})

    assert spec.resources.cpu == str(cpu)


@pytest.mark.parametrize("cpu", ["", "1e30", "-1", "0m", "two", None, [1]], ids=repr)
def test_bad_cpu_quantities(cpu: object) -> None:
    assert "resources.cpu" in refused({"command": ["x"], "resources": {"cpu": cpu}})


def test_the_wire_form_is_camel_case_without_nulls_and_reads_back() -> None:
    spec = TrainingSessionSpec.model_validate({"training": TRAINING, "dataset": "digits"})
    wire = spec.wire()

    assert wire["training"]["batchSize"] == 32
    assert "resumeFrom" not in wire
    assert TrainingSessionSpec.model_validate(wire) == spec
