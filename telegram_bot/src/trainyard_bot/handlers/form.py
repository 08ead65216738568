"""The submit form as a pure state machine: a form and an answer in, the next form or a complaint out.

Guarantees:

- A form is complete exactly when `question(form).key == "review"`; `spec` of a complete form holds only values that
  `commands.read_field` accepts.
- Every button of a question is an answer that the question accepts.
- A tap on a question that is no longer asked changes nothing (`answer_option` gives None).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from trainyard_bot.updates.commands import FIELDS, Mistake, read_field

ASKED: Final = ("dataset", "task", "epochs", "gpus", "name")
"""What the form asks for; the other fields have defaults and can be written as field=value."""

_QUESTIONS: Final = MappingProxyType(
    {
        "dataset": "Which dataset? Tap one or write its name.",
        "task": "What shall be learned?",
        "epochs": "How many epochs? Tap or write a number.",
        "gpus": "How many GPUs? Tap or write a number; 0 trains on the CPU.",
        "name": "What shall the run be called? Tap the proposal or write a name.",
    }
)
REVIEW: Final = "Start it? You can still write field=value to change something, such as lr=0.01."

_OPTIONS: Final = MappingProxyType(
    {
        "task": (
            "tabular-classification",
            "tabular-regression",
            "image-classification",
            "language-modeling",
        ),
        "epochs": ("5", "10", "20", "50", "100"),
        "gpus": ("0", "1", "2", "4", "8"),
    }
)
DATASET_OPTIONS: Final = 12

START: Final = "start"
LEAVE: Final = "leave"

Value = str | int | float


@dataclass(frozen=True, slots=True)
class Form:
    """A submit form of one person in one chat.

    `form_id` binds buttons to this form, `datasets` are the proposals, `proposal` the name that is offered.
    """

    form_id: str
    datasets: tuple[str, ...] = ()
    proposal: str = ""
    values: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked next: `key` is the field or "review"; `options` are answers by button."""

    key: str
    text: str
    options: tuple[str, ...]


def question(form: Form) -> Question:
    """The next question; with everything filled in, the review."""
    for key in ASKED:
        if key not in form.values:
            return Question(key, _QUESTIONS[key], _options(form, key))
    return Question("review", REVIEW, (START, LEAVE))


def _options(form: Form, key: str) -> tuple[str, ...]:
    if key == "dataset":
        return form.datasets[:DATASET_OPTIONS]
    if key == "name":
        return (form.proposal,) if form.proposal else ()
    return _OPTIONS[key]


def answer_text(form: Form, text: str) -> Form | Mistake:
    """The form after a written answer: a value for the present question, or `field=value`."""
    key, equals, value = text.strip().partition("=")
    key = key.strip()
    if equals and key in FIELDS:
        return _filled(form, key, value)
    asked = question(form).key
    if asked == "review":
        return Mistake("Tap Start or Close, or write field=value to change something.")
    return _filled(form, asked, text)


def answer_option(form: Form, key: str, number: int) -> Form | Mistake | None:
    """The form after a tap on option `number` of question `key`; None when that is no longer asked."""
    asked = question(form)
    if asked.key != key or key == "review" or not 0 <= number < len(asked.options):
        return None
    return _filled(form, key, asked.options[number])


def _filled(form: Form, key: str, text: str) -> Form | Mistake:
    value = read_field(key, text)
    if isinstance(value, Mistake):
        return value
    return replace(form, values=MappingProxyType({**form.values, key: value}))


def shown(form: Form) -> Sequence[tuple[str, str]]:
    """What is filled in, in the order of `FIELDS`."""
    return [(key, f"{form.values[key]}") for key in FIELDS if key in form.values]


def propose_name(dataset: str, suffix: str) -> str:
    """A valid session name made of a dataset's name and a short suffix: `Iris.csv` → `iris-csv-3f9a`."""
    letters = "".join(c if c.isascii() and c.isalnum() else "-" for c in dataset.lower())
    stem = "-".join(part for part in letters.split("-") if part)[: 47 - len(suffix)].strip("-")
    return f"{stem}-{suffix}" if stem else f"run-{suffix}"


def spec(form: Form) -> dict[str, Any]:
    """The session's spec in wire form; only what was filled in, the gateway knows the defaults."""
    values = form.values
    training: dict[str, Any] = {"task": values["task"]}
    for key, wire_name in (
        ("epochs", "epochs"),
        ("batch", "batchSize"),
        ("lr", "learningRate"),
        ("target", "target"),
    ):
        if key in values:
            training[wire_name] = values[key]
    result: dict[str, Any] = {
        "training": training,
        "dataset": values["dataset"],
        "resources": {"gpus": values["gpus"]},
    }
    for key in ("queue", "priority"):
        if key in values:
            result[key] = values[key]
    return result
