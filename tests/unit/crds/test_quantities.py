"""Quantities of a spec: what a pod takes, by one parser, refused in a sentence."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from quantity_cases import ACCEPTED, DIFFERENT, REFUSED, SAME

from trainyard_api import quantity
from trainyard_api.session.resources import Resources


@pytest.mark.parametrize(("field", "value"), ACCEPTED, ids=repr)
def test_accepted(field: str, value: Any) -> None:
    found = Resources.model_validate({field: value})

    assert found.wire()[field] == str(value)


@pytest.mark.parametrize("value", [0.5, 2.0, 1e-3])
def test_the_api_takes_a_fraction_as_a_number(value: float) -> None:
    found = Resources.model_validate({"cpu": value})

    assert float(quantity.quantity(found.cpu)) == value


@pytest.mark.parametrize(
    ("field", "value"),
    [*REFUSED, ("cpu", True), ("cpu", None), ("memory", [1]), ("cpu", 1e300)],
    ids=repr,
)
def test_refused_in_a_sentence(field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as refusal:
        Resources.model_validate({field: value})

    (error,) = refusal.value.errors()
    assert error["loc"] == (field,)
    assert "as a quantity" in error["msg"]


def test_what_is_large_for_a_float_is_no_number() -> None:
    with pytest.raises(ValidationError, match="as a quantity"):
        Resources.model_validate({"cpu": float("inf")})


@pytest.mark.parametrize(("one", "other"), SAME, ids=repr)
def test_one_value_written_in_two_ways(one: dict[str, Any], other: dict[str, Any]) -> None:
    (field,) = one
    assert quantity.quantity(str(one[field])) == quantity.quantity(str(other[field]))


@pytest.mark.parametrize(("one", "other"), DIFFERENT[:2], ids=repr)
def test_two_values(one: dict[str, Any], other: dict[str, Any]) -> None:
    (field,) = one
    assert quantity.quantity(str(one[field])) != quantity.quantity(str(other[field]))


@settings(max_examples=300)
@given(st.text(max_size=70) | st.from_regex(r"[-+.0-9eEmkMGTPin]{1,8}", fullmatch=True))
def test_whatever_comes_is_read_or_refused_in_a_sentence(text: str) -> None:
    for amount in (quantity.CPU, quantity.MEMORY, quantity.SPACE):
        if reads(amount, text):
            assert 0 < quantity.quantity(text) <= quantity.quantity(amount.most)


def reads(amount: quantity.QuantityRange, text: str) -> bool:
    """Whether the text is taken as it is; the alternative is the sentence."""
    try:
        return amount.check(text) == text
    except ValueError as error:
        return str(error) != amount.sentence
