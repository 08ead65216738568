"""The submit form as a state machine. Pure: a form and an answer in, the next form or a
`ParseError` out.

Guarantees:

- A form is complete exactly if `question(form).key` is `REVIEW`; its values are all accepted by
  `read_field`.
- Every button of a question is an answer that the question accepts.
- A tap on a question that is no longer asked changes nothing: `answer_option` returns None.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from trainyard_api.names import SESSION_NAME_MAX
from trainyard_api.training import Task
from trainyard_bot.updates import fields
from trainyard_bot.updates.fields import FIELDS, ParseError, Value, read_field

QUESTIONS: Final = MappingProxyType(
    {
        "dataset": "Which dataset? Tap one or write its name.",
        "task": "Which task?",
        "epochs": "How many epochs? Tap or write a number.",
        "gpus": "How many GPUs? Tap or write a number; 0 trains on the CPU.",
        "name": "What is the session's name? Tap the proposal or write a name.",
    }
)
"""What the form asks for, in order; other fields are optional and are written as field=value."""

REVIEW: Final = "review"
REVIEW_TEXT: Final = (
    "Start it? You can still write field=value to change something, such as lr=0.01."
)

_OPTIONS: Final = MappingProxyType(
    {
        "task": tuple(map(str, Task)),
        "epochs": ("5", "10", "20", "50", "100"),
        "gpus": ("0", "1", "2", "4", "8"),
    }
)
DATASET_OPTIONS: Final = 12

START: Final = "start"
CLOSE: Final = "close"


@dataclass(frozen=True, slots=True)
class Form:
    """A submit form of one person in one chat.

    `form_id` binds buttons to this form. `datasets` are the datasets to choose from, `proposal` is
    the proposed name.
    """

    form_id: str
    datasets: tuple[str, ...] = ()
    proposal: str = ""
    values: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked next: `key` is the field or `REVIEW`; `options` are answers by button."""

    key: str
    text: str
    options: tuple[str, ...]


def question(form: Form) -> Question:
    """The next question; the review once everything is filled in."""
    for key, text in QUESTIONS.items():
        if key not in form.values:
            return Question(key, text, _options(form, key))
    return Question(REVIEW, REVIEW_TEXT, (START, CLOSE))


def _options(form: Form, key: str) -> tuple[str, ...]:
    if key == "dataset":
        return form.datasets[:DATASET_OPTIONS]
    if key == "name":
        return (form.proposal,) if form.proposal else ()
    return _OPTIONS[key]


def answer_text(form: Form, text: str) -> Form | ParseError:
    """The form after a written answer: a value for the question, or `field=value`."""
    key, equals, value = text.strip().partition("=")
    key = key.strip()
    if equals and key in FIELDS:
        return _filled(form, key, value)
    asked = question(form).key
    if asked == REVIEW:
        return ParseError("Tap Start or Close, or write field=value to change something.")
    return _filled(form, asked, text)


def answer_option(form: Form, key: str, number: int) -> Form | ParseError | None:
    """The form after a tap on option `number` (from 0) of question `key`; None if it is closed."""
    asked = question(form)
    if asked.key != key or key == REVIEW or not 0 <= number < len(asked.options):
        return None
    return _filled(form, key, asked.options[number])


def _filled(form: Form, key: str, text: str) -> Form | ParseError:
    value = read_field(key, text)
    if isinstance(value, ParseError):
        return value
    return replace(form, values=MappingProxyType({**form.values, key: value}))


def shown(form: Form) -> Sequence[tuple[str, str]]:
    """What is filled in, as (field, value) in the order of `FIELDS`."""
    return [(key, f"{form.values[key]}") for key in FIELDS if key in form.values]


def propose_name(dataset: str, suffix: str) -> str:
    """A valid session name from a dataset's name and a suffix: `Iris.csv` → `iris-csv-3f9a`."""
    letters = "".join(c if c.isascii() and c.isalnum() else "-" for c in dataset.lower())
    longest = SESSION_NAME_MAX - len(suffix) - 1
    stem = "-".join(part for part in letters.split("-") if part)[:longest].strip("-")
    return f"{stem}-{suffix}" if stem else f"session-{suffix}"


def spec(form: Form) -> dict[str, Any]:
    """The session's spec in JSON form; what was not filled in takes the spec's defaults."""
    return fields.spec(form.values)
