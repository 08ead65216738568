"""MLflow's language of filters and orders: what is read, and what is refused."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainyard_gateway.errors import BadRequest
from trainyard_gateway.mlflow import matching
from trainyard_gateway.mlflow.filters import (
    EXPERIMENTS,
    LOGGED_MODELS,
    RUNS,
    parse_filter,
    parse_orders,
)
from trainyard_gateway.store.runs.comparing import as_glob
from trainyard_gateway.store.runs.conditions import Condition, Field, Order

READ: dict[str, list[Condition]] = {
    "": [],
    "  ": [],
    "metrics.loss < 0.5": [Condition(Field.METRIC, "loss", "<", 0.5)],
    "metric.`a b/c` >= -1e-3": [Condition(Field.METRIC, "a b/c", ">=", -1e-3)],
    "params.lr = '0.1'": [Condition(Field.PARAM, "lr", "=", "0.1")],
    'parameter."lr" != "x"': [Condition(Field.PARAM, "lr", "!=", "x")],
    "params.model.depth LIKE '3%'": [Condition(Field.PARAM, "model.depth", "LIKE", "3%")],
    "tags.mlflow.parentRunId IS NOT NULL": [
        Condition(Field.TAG, "mlflow.parentRunId", "IS NOT NULL")
    ],
    "tag.x is null": [Condition(Field.TAG, "x", "IS NULL")],
    "run_id IN ('a', 'b')": [Condition(Field.ATTRIBUTE, "run_id", "IN", ("a", "b"))],
    "attributes.run_id not in ('a')": [Condition(Field.ATTRIBUTE, "run_id", "NOT IN", ("a",))],
    "attribute.start_time > 5": [Condition(Field.ATTRIBUTE, "start_time", ">", 5)],
    "created <= 7": [Condition(Field.ATTRIBUTE, "start_time", "<=", 7)],
    "`run name` ILIKE '%X%'": [Condition(Field.ATTRIBUTE, "run_name", "ILIKE", "%X%")],
    "dataset.name = 'd'": [Condition(Field.DATASET, "name", "=", "d")],
    "tags.a = 'x AND y' and tags.b='='": [
        Condition(Field.TAG, "a", "=", "x AND y"),
        Condition(Field.TAG, "b", "=", "="),
    ],
}


@pytest.mark.parametrize(("text", "conditions"), READ.items(), ids=READ)
def test_what_is_read(text: str, conditions: list[Condition]) -> None:
    assert parse_filter(text, RUNS) == tuple(conditions)


REFUSED = [
    "params.a = 'b' OR params.c = 'd'", "metrics.loss < '1'", "params.lr = 0.1", "banana = 'x'",
    "metrics.loss LIKE '1'", "params.a > '1'", "metrics.loss IS NULL", "status IN ('RUNNING')",
    "dataset.size = 'x'", "params.a =", "= 'x'", "params.a 'x'", "params.a = 'x' params.b = 'y'",
    "params.a = 'x", "run_id IN ()", "run_id IN ('a',)", "run_id IN 'a'", "(params.a = 'x')",
    "params. = 'x'", "trace.a = 'x'", "params.a = 'x' AND", "start_time = '5'", "tags.a = 'b'; x",
    "tags.a = 'b\0'", "params.a IS 'x'", "params.a NOT LIKE 'x'",
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        parse_filter(text, RUNS)


ORDERS: dict[str, Order] = {
    "metrics.loss": Order(Field.METRIC, "loss", True),
    "metrics.`a b` DESC": Order(Field.METRIC, "a b", False),
    "params.lr asc": Order(Field.PARAM, "lr", True),
    "attributes.start_time DESC": Order(Field.ATTRIBUTE, "start_time", False),
    "Created": Order(Field.ATTRIBUTE, "start_time", True),
    "tags.mlflow.runName": Order(Field.TAG, "mlflow.runName", True),
}


@pytest.mark.parametrize(("text", "order"), ORDERS.items(), ids=ORDERS)
def test_orders(text: str, order: Order) -> None:
    assert parse_orders([text], RUNS) == (order,)


@pytest.mark.parametrize(
    "texts",
    [["banana"], ["metrics.loss UP"], ["metrics.loss DESC x"], ["dataset.name"], [""],
     ["start_time", "created"]],
    ids=str,
)  # fmt: skip
def test_orders_that_are_refused(texts: list[str]) -> None:
    with pytest.raises(BadRequest):
        parse_orders(texts, RUNS)


def test_each_kind_of_search_has_its_words() -> None:
    assert parse_filter("name LIKE 'a%'", EXPERIMENTS)
    assert parse_filter("model_type = 'x' AND params.a = 'b'", LOGGED_MODELS)
    for text in ("metrics.loss < 1", "run_id = 'x'", "params.a = 'b'"):
        with pytest.raises(BadRequest):
            parse_filter(text, EXPERIMENTS)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    found: tuple[Condition, ...] = ()
    with suppress(BadRequest):
        found = parse_filter(text, RUNS)

    assert all(condition.operator for condition in found)


@given(st.sampled_from(["params", "tags"]), st.text(st.characters(codec="utf-8"), max_size=20))
def test_texts_in_quotes_stay_as_they_are(kind: str, value: str) -> None:
    value = value.replace("'", "").replace("\0", "")

    [condition] = parse_filter(f"{kind}.a = '{value}'", RUNS)

    assert condition.value == value


@pytest.mark.parametrize(
    ("pattern", "text", "like"),
    [("a%", "abc", True), ("a%", "ABC", False), ("%b%", "abc", True), ("a_c", "abc", True),
     ("a_c", "abbc", False), ("%", "", True), ("a", "ab", False), ("%a%b", "aab", True),
     ("a.c", "abc", False), ("%ab", "ab", True), ("ab%ab", "ab", False)],
)  # fmt: skip
def test_like(pattern: str, text: str, like: bool) -> None:
    facts = matching.Facts({"name": text}, {})

    found = matching.matches(facts, [Condition(Field.ATTRIBUTE, "name", "LIKE", pattern)])

    assert found is like


def test_patterns_as_glob() -> None:
    assert as_glob("a%b_c*[x]?") == "a*b?c[*][[]x][?]"


def test_what_has_no_value_goes_last() -> None:
    things = [{"a": "2"}, {}, {"a": "1"}]
    orders = [Order(Field.TAG, "a", ascending=False)]

    found = matching.ordered(things, lambda t: matching.Facts({}, {Field.TAG: t}), orders)

    assert found == [{"a": "2"}, {"a": "1"}, {}]
