"""The fields of the submit form: what people may write, with the limits of the contract."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trainyard_api.session.spec import TrainingSessionSpec
from trainyard_bot.updates.fields import FIELDS, ParseError, read_field, spec

TASKS = "tabular-classification, tabular-regression, image-classification, language-modeling"

ACCEPTED: list[tuple[str, str, Any]] = [
    ("epochs", "1", 1),
    ("epochs", " 100000 ", 100_000),
    ("batch", "1", 1),
    ("batch", "65536", 65_536),
    ("gpus", "0", 0),
    ("gpus", "+64", 64),
    ("priority", "-1000", -1000),
    ("priority", "1000", 1000),
    ("lr", "10", 10.0),
    ("lr", "1e-3", 0.001),
    ("lr", ".5", 0.5),
    ("lr", "+1.", 1.0),
    ("task", "IMAGE", "image-classification"),
    ("task", "l", "language-modeling"),
    ("task", "tabular-c", "tabular-classification"),
    ("name", "a", "a"),
    ("queue", "q" * 63, "q" * 63),
    ("dataset", "D" * 128, "D" * 128),
    ("target", "t" * 128, "t" * 128),
    ("target", "petal, width (cm)", "petal, width (cm)"),
]

REFUSED: list[tuple[str, str, str]] = [
    ("epochs", "0", "epochs must be a whole number from 1 to 100000, not '0'."),
    ("epochs", "100001", "epochs must be a whole number from 1 to 100000, not '100001'."),
    ("epochs", "1.5", "epochs must be a whole number from 1 to 100000, not '1.5'."),
    ("epochs", "٣", "epochs must be a whole number from 1 to 100000, not '٣'."),
    ("epochs", "9" * 5000, f"epochs must be a whole number from 1 to 100000, not '{'9' * 5000}'."),
    ("batch", "65537", "batch must be a whole number from 1 to 65536, not '65537'."),
    ("gpus", "-1", "gpus must be a whole number from 0 to 64, not '-1'."),
    ("gpus", "65", "gpus must be a whole number from 0 to 64, not '65'."),
    ("priority", "1001", "priority must be a whole number from -1000 to 1000, not '1001'."),
    ("priority", "-1001", "priority must be a whole number from -1000 to 1000, not '-1001'."),
    ("lr", "0", "lr must be a number above 0 and at most 10, such as 0.001, not '0'."),
    ("lr", "10.1", "lr must be a number above 0 and at most 10, such as 0.001, not '10.1'."),
    ("lr", "-1", "lr must be a number above 0 and at most 10, such as 0.001, not '-1'."),
    ("lr", "nan", "lr must be a number above 0 and at most 10, such as 0.001, not 'nan'."),
    ("lr", "1e999", "lr must be a number above 0 and at most 10, such as 0.001, not '1e999'."),
    ("task", "tabular", f"task must be one of {TASKS}, not 'tabular'."),
    ("task", "", f"task must be one of {TASKS}, not ''."),
    ("task", "poetry", f"task must be one of {TASKS}, not 'poetry'."),
    (
        "name",
        "A",
        "name must be lower-case letters, digits and '-', at most 48 characters, "
        "a letter or digit at both ends, not 'A'.",
    ),
    ("queue", "q" * 64, f"queue must be lower-case letters, digits and '-', at most 63, not '{'q' * 64}'."),
    ("queue", "", "queue must be lower-case letters, digits and '-', at most 63, not ''."),
    ("dataset", "D" * 129, f"dataset must be letters, digits, '-', '_' and '.', at most 128, not '{'D' * 129}'."),
    ("target", "", "target must be a column name of 1 to 128 characters, not 0."),
    ("target", "t" * 129, "target must be a column name of 1 to 128 characters, not 129."),
]  # fmt: skip


def ids(cases: list[tuple[str, str, Any]]) -> list[str]:
    return [f"{key} {text[:20]!r} of {len(text)}" for key, text, _ in cases]


@pytest.mark.parametrize(("key", "text", "expected"), ACCEPTED, ids=ids(ACCEPTED))
def test_accepted_values(key: str, text: str, expected: Any) -> None:
    value = read_field(key, text)

    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(("key", "text", "sentence"), REFUSED, ids=ids(REFUSED))
def test_refused_values(key: str, text: str, sentence: str) -> None:
    assert read_field(key, text) == ParseError(sentence)


COMPLETE: dict[str, Any] = {"dataset": "iris", "task": "tabular-classification"}
NUMBERS = st.one_of(
    st.integers(-2000, 200_000), st.floats(-1, 20), st.integers(), st.sampled_from([0, 1, 64, 65, 1000])
)  # fmt: skip
TEXTS = st.one_of(st.text(alphabet="abAZ09-_./é ", max_size=140), st.text(max_size=20))


def accepted_by_the_contract(key: str, value: Any) -> bool:
    try:
        TrainingSessionSpec.model_validate(spec({**COMPLETE, key: value}))
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("key", ["epochs", "batch", "gpus", "priority", "lr"])
@given(number=NUMBERS)
def test_numbers_are_those_of_the_contract(key: str, number: float) -> None:
    read = read_field(key, str(number))
    if key != "lr" and isinstance(number, float):
        return  # 5.0 is a whole number in JSON, not for a person who types

    assert (not isinstance(read, ParseError)) == accepted_by_the_contract(key, number)


@pytest.mark.parametrize("key", ["queue", "target", "dataset"])
@given(text=TEXTS)
def test_texts_are_those_of_the_contract(key: str, text: str) -> None:
    read = read_field(key, text)

    # The gateway also refuses dataset names with two points in a row, which the spec's pattern lets
    # pass.
    fine = accepted_by_the_contract(key, text.strip()) and not (key == "dataset" and ".." in text)
    assert (not isinstance(read, ParseError)) == fine


@given(st.sampled_from(list(FIELDS)), st.text(max_size=60))
def test_an_accepted_value_is_accepted_again(key: str, text: str) -> None:
    value = read_field(key, text)
    if not isinstance(value, ParseError):
        assert read_field(key, str(value)) == value


def test_a_field_that_the_contract_does_not_bound_has_no_limit() -> None:
    task = FIELDS["task"]
    assert task is not None
    with pytest.raises(KeyError, match=r"TrainingConfig\.task has no le"):
        task.limit("le")


def test_the_spec_has_each_field_in_its_place() -> None:
    values = {"batch": 64, "lr": 0.01, "gpus": 2, "priority": 7, "queue": "fast", "name": "a"}

    assert spec({**COMPLETE, **values}) == {
        "dataset": "iris",
        "training": {"task": "tabular-classification", "batchSize": 64, "learningRate": 0.01},
        "resources": {"gpus": 2},
        "priority": 7,
        "queue": "fast",
    }
