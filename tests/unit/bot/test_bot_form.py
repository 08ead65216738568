"""The submit form as a state machine."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainyard_api.session.spec import TrainingSessionSpec
from trainyard_bot.handlers import form as forms
from trainyard_bot.handlers.form import (
    Form,
    answer_option,
    answer_text,
    propose_name,
    question,
    spec,
)
from trainyard_bot.updates.fields import ParseError


def filled(*answers: str, **values: Any) -> Form:
    form = Form("f0f0f0f0f0f0f0f0", ("iris", "mnist"), "iris-f0f0", values)
    for answer in answers:
        after = answer_text(form, answer)
        assert isinstance(after, Form), after
        form = after
    return form


COMPLETE = ("iris", "tabular-c", "20", "1", "iris-1")


@pytest.mark.parametrize(
    ("answers", "key", "options"),
    [
        ((), "dataset", ("iris", "mnist")),
        (COMPLETE[:1], "task", ("tabular-classification", "tabular-regression",
                                "image-classification", "language-modeling")),
        (COMPLETE[:2], "epochs", ("5", "10", "20", "50", "100")),
        (COMPLETE[:3], "gpus", ("0", "1", "2", "4", "8")),
        (COMPLETE[:4], "name", ("iris-f0f0",)),
        (COMPLETE, "review", ("start", "close")),
        (("epochs=3",), "dataset", ("iris", "mnist")),
        (("iris", "epochs = 3", "task=l"), "gpus", ("0", "1", "2", "4", "8")),
    ],
    ids=["nothing filled in", "dataset", "and task", "and epochs", "and GPUs", "all", "epochs only",
         "all but GPUs and name"],
)  # fmt: skip
def test_questions_in_order(answers: tuple[str, ...], key: str, options: tuple[str, ...]) -> None:
    asked = question(filled(*answers))

    assert (asked.key, asked.options) == (key, options)


ASKED = (
    "Which dataset? Tap one or write its name.",
    "Which task?",
    "How many epochs? Tap or write a number.",
    "How many GPUs? Tap or write a number; 0 trains on the CPU.",
    "What is the session's name? Tap the proposal or write a name.",
    "Start it? You can still write field=value to change something, such as lr=0.01.",
)


def test_questions_word_for_word() -> None:
    assert tuple(question(filled(*COMPLETE[:n])).text for n in range(len(ASKED))) == ASKED


def test_twelve_datasets_are_proposed() -> None:
    many = tuple(f"d{n}" for n in range(20))

    assert question(Form("f", many)).options == many[:12]


def test_every_button_is_an_accepted_answer() -> None:
    form: Form | ParseError | None = filled()
    while isinstance(form, Form) and question(form).key != "review":
        asked = question(form)
        for number in range(len(asked.options)):
            assert isinstance(answer_option(form, asked.key, number), Form)
        form = answer_option(form, asked.key, 0)
    assert isinstance(form, Form)
    assert spec(form) == {
        "training": {"task": "tabular-classification", "epochs": 5},
        "dataset": "iris",
        "resources": {"gpus": 0},
    }


@pytest.mark.parametrize(
    ("answers", "key", "number"),
    [((), "task", 0), ((), "dataset", 2), ((), "dataset", -1), (COMPLETE, "review", 0),
     (COMPLETE, "epochs", 0), (("iris",), "dataset", 1)],
    ids=["a later question", "no such option", "negative", "the review", "answered long ago", "just answered"],
)  # fmt: skip
def test_a_tap_on_an_old_question_changes_nothing(
    answers: tuple[str, ...], key: str, number: int
) -> None:
    assert answer_option(filled(*answers), key, number) is None


@pytest.mark.parametrize(
    ("answers", "text", "sentence"),
    [
        ((), "a/b", "dataset must be letters, digits, '-', '_' and '.', at most 128, not 'a/b'."),
        (COMPLETE[:2], "many", "epochs must be a whole number from 1 to 100000, not 'many'."),
        (COMPLETE[:2], "gpus=65", "gpus must be a whole number from 0 to 64, not '65'."),
        (COMPLETE, "yes", "Tap Start or Close, or write field=value to change something."),
        (COMPLETE, "nofield=1", "Tap Start or Close, or write field=value to change something."),
    ],
    ids=["dataset", "epochs", "GPUs as field=value", "talk in the review", "no field"],
)
def test_a_wrong_answer_is_explained(answers: tuple[str, ...], text: str, sentence: str) -> None:
    assert answer_text(filled(*answers), text) == ParseError(sentence)


def test_an_answer_can_be_changed_in_the_review() -> None:
    form = filled(*COMPLETE, "lr=0.01", "epochs=7")

    assert question(form).key == "review"
    assert forms.shown(form) == [
        ("dataset", "iris"), ("task", "tabular-classification"), ("epochs", "7"), ("lr", "0.01"),
        ("gpus", "1"), ("name", "iris-1"),
    ]  # fmt: skip


def test_without_a_proposal_the_name_is_asked_without_buttons() -> None:
    assert question(Form("f", values=filled(*COMPLETE[:4]).values)).options == ()


@given(st.text(max_size=140))
def test_proposed_names_are_valid(dataset: str) -> None:
    name = propose_name(dataset, "3f9a")

    assert re.fullmatch(r"[a-z0-9](?:[-a-z0-9]{0,46}[a-z0-9])?", name)
    assert name.endswith("-3f9a")


@pytest.mark.parametrize(
    ("dataset", "name"),
    [("Iris.csv", "iris-csv-3f9a"), ("a__b", "a-b-3f9a"), ("___", "session-3f9a"), ("é", "session-3f9a"),
     ("a" * 60, "a" * 43 + "-3f9a"), ("a" * 42 + "-b", "a" * 42 + "-3f9a")],
    ids=["point", "underscores", "nothing valid", "not ASCII", "too long", "cut at a dash"],
)  # fmt: skip
def test_proposed_name(dataset: str, name: str) -> None:
    assert propose_name(dataset, "3f9a") == name


def test_a_filled_form_is_a_valid_session() -> None:
    filled: Form | ParseError = Form("f0f0f0f0")
    for answer in ("iris", "tabular-c", "epochs=5", "gpus=1", "iris-1", "lr=0.01", "batch=64",
                   "priority=7", "queue=fast", "target=species"):  # fmt: skip
        assert isinstance(filled, Form)
        filled = answer_text(filled, answer)
    assert isinstance(filled, Form)

    made = TrainingSessionSpec.model_validate(spec(filled))

    assert made.training is not None
    assert (made.dataset, made.queue, made.priority) == ("iris", "fast", 7)
    assert (made.training.epochs, made.training.batch_size) == (5, 64)
    assert (made.training.learning_rate, made.training.target) == (0.01, "species")
    assert made.resources.gpus == 1
