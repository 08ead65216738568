"""The bot's limits are those of the contract: what one accepts, the other accepts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trainyard_api import names
from trainyard_api.phase import Phase
from trainyard_api.session import TrainingSessionSpec
from trainyard_api.training import Task
from trainyard_bot.handlers import form
from trainyard_bot.updates import commands
from trainyard_bot.updates.commands import Mistake, read_field


def test_phases_and_tasks_are_those_of_the_contract() -> None:
    assert set(commands.PHASES) == {str(phase) for phase in Phase}
    assert set(commands.TASKS) == {str(task) for task in Task}


@given(st.text(alphabet="abAZ09-_./", max_size=60))
def test_names_are_those_of_the_contract(name: str) -> None:
    assert commands.is_session_name(name) == names.is_session_name(name)
    assert commands.is_artifact_name(name) == names.is_artifact_name(name)


@pytest.mark.parametrize(
    ("key", "wire"), [("epochs", "epochs"), ("batch", "batchSize"), ("lr", "learningRate")]
)
@given(number=st.one_of(st.integers(-5, 200_000), st.floats(0.0001, 20)))
def test_training_numbers_are_those_of_the_contract(key: str, wire: str, number: float) -> None:
    read = read_field(key, str(number))
    training = {"task": "tabular-classification", wire: number}
    try:
        TrainingSessionSpec.model_validate({"training": training, "dataset": "d"})
        fine = True
    except ValidationError:
        fine = False
    if key != "lr" and isinstance(number, float):
        return  # 5.0 is a whole number for JSON, not for a person who types
    assert (not isinstance(read, Mistake)) == fine


def test_a_filled_form_is_a_valid_session() -> None:
    filled: form.Form | Mistake = form.Form("f0f0f0f0")
    for answer in ("iris", "tabular-c", "epochs=5", "gpus=1", "iris-1", "lr=0.01", "batch=64",
                   "priority=7", "queue=fast", "target=species"):  # fmt: skip
        assert isinstance(filled, form.Form)
        filled = form.answer_text(filled, answer)
    assert isinstance(filled, form.Form)

    spec = TrainingSessionSpec.model_validate(form.spec(filled))

    assert spec.training is not None
    assert (spec.dataset, spec.queue, spec.priority) == ("iris", "fast", 7)
    assert (spec.training.epochs, spec.training.batch_size) == (5, 64)
    assert (spec.training.learning_rate, spec.training.target) == (0.01, "species")
    assert spec.resources.gpus == 1
