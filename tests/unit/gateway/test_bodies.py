"""Bodies are bounded in bytes, values and seconds before they are parsed, and so are the answers about them."""

from __future__ import annotations

import asyncio
import json
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from trainyard_api.report import MAX_BATCH_BYTES, Batch
from trainyard_gateway.app import MODULES, PREFIX, described
from trainyard_gateway.errors import MOST_ERRORS, RequestTimeout, TooLarge, Unprocessable
from trainyard_gateway.http import problems
from trainyard_gateway.http.body import has_more_values, read_body
from trainyard_gateway.http.openapi.document import document
from trainyard_gateway.http.policy import BODIES, MAX_BODY, MAX_VALUES, BodyBound
from trainyard_gateway.http.reports import parse
from trainyard_gateway.sessions import request

MOST_ANSWER = 32 << 10
"""Bytes of an answer to a wrong request."""
ROW = '{"step":1,"time":"2026-01-01T00:00:00Z","values":{%s}}'
BATCH = '{"sessionUid":"u","attempt":1,"stream":"r","sequence":1,"%s":[%s]}'

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(',"\\[]{}:a', max_size=8),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(',"\\a', max_size=4), inner, max_size=5)
    ),
    max_leaves=30,
)


def commas(value: Any) -> int:
    if isinstance(value, dict):
        return max(0, len(value) - 1) + sum(map(commas, value.values()))
    if isinstance(value, list):
        return max(0, len(value) - 1) + sum(map(commas, value))
    return 0


@given(value=json_values, ascii_only=st.booleans(), indent=st.sampled_from([None, 1]))
def test_values_are_counted_by_the_commas_outside_of_strings(
    value: Any, ascii_only: bool, indent: int | None
) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    count = commas(value)

    assert not has_more_values(body, count)
    if count:
        assert has_more_values(body, count - 1)


HARD = {
    "empty texts": b"[" + b'"",' * (MAX_BATCH_BYTES // 3) + b"1]",
    "one text of commas": b'["' + b"," * MAX_BATCH_BYTES + b'"]',
    "an open text": b'["' + b"a," * (MAX_BATCH_BYTES // 2),
    "escapes": b'"' + b'\\",' * (MAX_BATCH_BYTES // 3),
    "an escape at the end": b"," * 600_000 + b'"\\',
    "quotes": b'"' * MAX_BATCH_BYTES + b"," * 600_000,
}


@pytest.mark.parametrize("body", HARD.values(), ids=HARD)
def test_counting_takes_a_moment(body: bytes) -> None:
    def seconds() -> float:
        started = time.process_time()
        has_more_values(body, 500_000)
        return time.process_time() - started

    # The best of a few, since a busy machine doubles the time of one.
    assert min(seconds() for _ in range(5)) < 0.4


async def test_a_body_that_does_not_come_is_given_up() -> None:
    async def receive() -> Message:
        await asyncio.Event().wait()
        return {}

    with pytest.raises(RequestTimeout):
        await read_body(receive, BodyBound(), seconds=0.01)


async def test_a_body_of_too_many_values_is_refused_before_it_is_parsed() -> None:
    body = b"[" + b"1," * MAX_VALUES + b"1,1]"

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    with pytest.raises(TooLarge, match="10000 JSON values"):
        await read_body(receive, BodyBound())


def wrong_values(count: int) -> str:
    return ",".join(f'"{n:x}":""' for n in range(count))


WRONG = {
    "rows": BATCH % ("metrics", ",".join([ROW % wrong_values(256)] * 1700)),
    "values of one row": BATCH % ("metrics", ROW % wrong_values(400_000)),
    "lines": BATCH % ("logs", ",".join(["{}"] * 10_000)),
    "a long name": BATCH % ("metrics", ROW % f'"{"n" * 3_000_000}":1'),
    "hidden characters": BATCH % ("logs", '{"time":"%s"}' % ("\U000e0001" * 500_000)),
    "a long value": BATCH % ("logs", f'{{"time":"{"9" * 3_000_000}"}}'),
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG)
def test_the_answer_to_a_wrong_report_is_small_and_takes_a_moment(body: str) -> None:
    raw = body.encode()
    started = time.process_time()
    with pytest.raises(Unprocessable) as caught:
        parse(raw, Batch)
    seconds = time.process_time() - started
    answer = answer_of(caught.value)

    assert seconds < 0.4
    assert len(answer) < MOST_ANSWER
    assert 0 < len(json.loads(answer)["errors"]) <= MOST_ERRORS


STARTS: dict[str, dict[str, Any]] = {
    "unknown fields": {f"f{n}": 1 for n in range(MAX_VALUES)},
    "items": {"command": [1] * MAX_VALUES},
    "a long unknown field": {"f" * 500_000: 1},
    "nested": {"training": {f"f{n}": {} for n in range(MAX_VALUES)}},
}


@pytest.mark.parametrize("body", STARTS.values(), ids=STARTS)
def test_the_answer_to_a_wrong_start_is_small_and_counts_what_it_leaves_out(
    body: dict[str, Any],
) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(Unprocessable) as caught:
            request.parse(body, None)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    answer = answer_of(caught.value)
    told = json.loads(answer)

    assert peak < 32 << 20
    assert len(answer) < MOST_ANSWER
    assert len(told["errors"]) <= MOST_ERRORS
    if len(body) > MOST_ERRORS:
        assert told["errorsOmitted"] == len(body) - MOST_ERRORS


def answer_of(error: Unprocessable) -> bytes:
    scope = {"path": "/" + "p" * 100_000, "state": {"id": "r"}}
    return bytes(problems.of_problem(scope, error).body)


def test_the_table_of_bodies_names_routes_that_there_are() -> None:
    routes = {
        f"{method} {route.path}"
        for module in MODULES
        for route in module.router.routes
        for method in getattr(route, "methods", ())
    }

    assert BODIES.keys() <= routes


def test_every_other_route_with_a_body_has_the_usual_bound() -> None:
    """Files and reports have their own; they are all that is not plain JSON or not small."""
    found = document(described())["paths"]
    for path, item in found.items():
        for method, operation in item.items():
            kinds = operation.get("requestBody", {}).get("content", {})
            name = f"{method.upper()} {path.removeprefix(PREFIX)}"
            if name not in BODIES:
                assert set(kinds) <= {"application/json"}, name
    assert BodyBound() == BodyBound(MAX_BODY, MAX_VALUES)
