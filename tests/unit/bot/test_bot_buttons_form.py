"""Buttons and the submit form."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainyard_bot.gateway.views import Dataset, Model, Run
from trainyard_bot.handlers import form as forms
from trainyard_bot.handlers.form import (
    Form,
    answer_option,
    answer_text,
    propose_name,
    question,
    spec,
)
from trainyard_bot.text import keyboards
from trainyard_bot.updates.callback_data import (
    ACTIONS,
    DATA_LIMIT,
    Keyboard,
    Tap,
    decode,
    encode,
    short_id,
)
from trainyard_bot.updates.commands import Mistake

UID = "3f9a1c22-0b1d-4e5f-8a9b-0c1d2e3f4a5b"


@given(st.sampled_from(sorted(ACTIONS)), st.from_regex(r"[A-Za-z0-9._-]{1,61}", fullmatch=True))
def test_a_tap_survives_the_way_through_telegram(action: str, argument: str) -> None:
    data = encode(Tap(action, argument))

    assert len(data.encode()) <= DATA_LIMIT
    assert decode(data) == Tap(action, argument)


def test_the_limit_and_the_actions_are_telegrams_and_ours() -> None:
    assert DATA_LIMIT == 64
    assert sorted(ACTIONS) == [
        "cn",
        "dm",
        "ds",
        "fm",
        "lg",
        "md",
        "mf",
        "mt",
        "no",
        "ok",
        "re",
        "sp",
        "st",
        "su",
        "tr",
        "up",
    ]


@pytest.mark.parametrize(
    "data",
    ["", "sp", "sp:", ":x", "xx:1", "sp:a b", "sp:" + "a" * 62, "sp:é", "sp:../x/y", "sp:a\n"],
)
def test_forged_data_is_none(data: str) -> None:
    assert decode(data) is None


@pytest.mark.parametrize(
    "tap", [Tap("xx", "1"), Tap("sp", ""), Tap("sp", "a" * 62), Tap("sp", "a b")]
)
def test_what_does_not_fit_is_refused(tap: Tap) -> None:
    with pytest.raises(ValueError, match="^no button can carry Tap"):
        encode(tap)


def test_short_ids_are_stable_and_short() -> None:
    assert short_id("iris") == "47612b3175fe"
    assert short_id("x" * 128) != short_id("x" * 127)


def captions(keyboard: Keyboard) -> list[list[str]]:
    for row in keyboard:
        for button in row:
            encode(button.tap)
    return [[button.caption for button in row] for row in keyboard]


@pytest.mark.parametrize(
    ("phase", "rows"),
    [
        ("Pending", [["⏫ Raise", "⏸ Pause", "🚫 Cancel"]]),
        ("Queued", [["⏫ Raise", "⏸ Pause", "🚫 Cancel"]]),
        ("Starting", [["📈 Curve", "📜 Logs"], ["⏸ Pause", "⏹ Stop"]]),
        ("Running", [["📈 Curve", "📜 Logs"], ["⏸ Pause", "⏹ Stop"]]),
        ("Suspending", [["📈 Curve", "📜 Logs"]]),
        ("Stopping", [["📈 Curve", "📜 Logs"]]),
        ("Suspended", [["▶️ Resume", "⏹ Stop"]]),
        ("Succeeded", [["📈 Curve", "📜 Logs"]]),
        ("Failed", [["📈 Curve", "📜 Logs"]]),
    ],
)
def test_a_run_has_the_buttons_of_its_phase(phase: str, rows: list[list[str]]) -> None:
    assert captions(keyboards.for_run(Run(uid=UID, name="a", phase=phase))) == rows


def test_lists_of_buttons_are_cut() -> None:
    names = [f"{n}" + "x" * 60 for n in range(20)]
    for keyboard in (
        keyboards.choose_run([Run(uid=UID, name=n, phase="Running") for n in names], "st"),
        keyboards.choose_model([Model(n) for n in names]),
        keyboards.choose_dataset([Dataset(n) for n in names]),
    ):
        rows = captions(keyboard)
        assert len(rows) == 12
        assert all(len(row) == 1 and len(row[0]) == 40 for row in rows)


def test_buttons_of_models_datasets_and_questions() -> None:
    assert captions(keyboards.for_model(Model("m"))) == [["⬇️ File", "🗑 Delete"]]
    assert captions(keyboards.for_dataset(Dataset("d"))) == [["🚀 Train with it"]]
    assert captions(keyboards.confirm("0f", "Yes!")) == [["Yes!", "No, keep it"]]


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
        (COMPLETE, "review", ("start", "leave")),
        (("epochs=3",), "dataset", ("iris", "mnist")),
        (("iris", "epochs = 3", "task=l"), "gpus", ("0", "1", "2", "4", "8")),
    ],
)  # fmt: skip
def test_questions_in_order(answers: tuple[str, ...], key: str, options: tuple[str, ...]) -> None:
    asked = question(filled(*answers))

    assert (asked.key, asked.options) == (key, options)


ASKED = (
    "Which dataset? Tap one or write its name.",
    "What shall be learned?",
    "How many epochs? Tap or write a number.",
    "How many GPUs? Tap or write a number; 0 trains on the CPU.",
    "What shall the run be called? Tap the proposal or write a name.",
    "Start it? You can still write field=value to change something, such as lr=0.01.",
)


def test_questions_word_for_word() -> None:
    assert tuple(question(filled(*COMPLETE[:n])).text for n in range(len(ASKED))) == ASKED


def test_twelve_datasets_are_proposed() -> None:
    many = tuple(f"d{n}" for n in range(20))

    assert question(Form("f", many)).options == many[:12]


def test_every_button_is_an_accepted_answer() -> None:
    form: Form | Mistake | None = filled()
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
)
def test_a_wrong_answer_is_explained(answers: tuple[str, ...], text: str, sentence: str) -> None:
    assert answer_text(filled(*answers), text) == Mistake(sentence)


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
    [("Iris.csv", "iris-csv-3f9a"), ("a__b", "a-b-3f9a"), ("___", "run-3f9a"), ("é", "run-3f9a"),
     ("a" * 60, "a" * 43 + "-3f9a"), ("a" * 42 + "-b", "a" * 42 + "-3f9a")],
)  # fmt: skip
def test_proposed_name(dataset: str, name: str) -> None:
    assert propose_name(dataset, "3f9a") == name
