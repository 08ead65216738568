"""What a program claims about the origin of its model is replaced by what the gateway knows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainyard_gateway.registry.model_origin import ModelOrigin

FACTS = {"state": "Found", "name": "digits", "file": "f", "format": "csv", "sha256": "a" * 64}
FORGED = {
    "name": "other",
    "session": {"name": "other", "uid": "u-2", "attempt": 9, "note": "mine"},
    "dataset": {"name": "secret", "sha256": "b" * 64, "file": "g", "format": "npz", "rows": 3},
    "resumedFrom": {"session": "other", "sessionUid": "u-2", "checkpoint": "best"},
    "metrics": {"loss": 0.5},
}


def origin(
    spec: dict[str, Any], status: dict[str, Any] | None = None, source: str | None = None
) -> ModelOrigin:
    session = SimpleNamespace(name="s", uid="u-1", spec=spec, status=status or {})
    return ModelOrigin(session, 2, source)


@pytest.mark.parametrize(
    ("spec", "name"),
    [({}, "s"), ({"outputModel": "m"}, "m"), ({"outputModel": None}, "s")],
    ids=["none", "named", "null"],
)
def test_a_session_has_one_name_for_its_model(spec: dict[str, Any], name: str) -> None:
    assert origin(spec).model_name == name


def test_claims_are_replaced_and_the_rest_stays() -> None:
    spec = {"dataset": "digits", "resumeFrom": {"session": "first"}}

    assert origin(spec, {"dataset": FACTS}, "u-0").stated_in(FORGED) == {
        "name": "s",
        "session": {"name": "s", "uid": "u-1", "attempt": 2},
        "dataset": {
            "name": "digits", "file": "f", "format": "csv", "sha256": "a" * 64, "rows": 3,
        },
        "resumedFrom": {"session": "first", "sessionUid": "u-0", "checkpoint": "best"},
        "metrics": {"loss": 0.5},
    }  # fmt: skip


def test_what_the_session_has_not_is_not_claimed() -> None:
    found = origin({}).stated_in(FORGED)

    assert (found["dataset"], found["resumedFrom"]) == (None, None)
    assert origin({}).stated_in({}) == {
        "name": "s",
        "session": {"name": "s", "uid": "u-1", "attempt": 2},
    }


def test_a_dataset_that_is_not_looked_up_has_a_name_only() -> None:
    found = origin({"dataset": "digits"}, {"dataset": {"state": "NotFound"}}).stated_in(FORGED)

    assert found["dataset"] == {"name": "digits", "rows": 3}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["name", "session", "dataset", "resumedFrom", "metrics"]), values
    )
)
def test_no_card_says_another_origin(card: dict[str, Any]) -> None:
    spec = {"dataset": "digits", "resumeFrom": {"session": "first"}}
    found = origin(spec, {"dataset": FACTS}).stated_in(card)

    assert found["session"] == {"name": "s", "uid": "u-1", "attempt": 2}
    assert (found["name"], found["dataset"]["sha256"]) == ("s", "a" * 64)
    assert found["resumedFrom"]["session"] == "first"
    assert "sessionUid" not in found["resumedFrom"]
