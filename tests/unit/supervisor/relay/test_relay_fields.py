"""What the relay takes from calls of MLflow's clients, and with which sentence it refuses."""

from __future__ import annotations

import io
import json
from email.message import Message
from typing import Any

import orjson
import pytest

from trainyard_supervisor.relay.protocol import fields
from trainyard_supervisor.relay.protocol.bodies import Body
from trainyard_supervisor.relay.protocol.refusal import Refusal
from trainyard_supervisor.relay.routes import operation_of, query_of

METRIC = {"key": "loss", "value": 0.5, "timestamp": 1, "step": 2}


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        pytest.param(0.5, 0.5, id="a number"),
        pytest.param(3, 3.0, id="a whole number"),
        pytest.param("NaN", "NaN", id="no number"),
        pytest.param("-Infinity", "-Infinity", id="infinite"),
        pytest.param("0.5", None, id="a text"),
        pytest.param(True, None, id="a truth value"),
        pytest.param(None, None, id="null"),
        pytest.param([], None, id="a list"),
        pytest.param({"NaN": 1}, None, id="an object"),
        pytest.param(10**400, None, id="larger than a double"),
    ],
)
def test_values_of_metrics(value: Any, wanted: float | str | None) -> None:
    if wanted is None:
        with pytest.raises(Refusal, match="Got invalid value"):
            fields.point({**METRIC, "value": value})
        return
    assert fields.point({**METRIC, "value": value})["value"] == wanted


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        pytest.param("step", None, 0, id="no step"),
        pytest.param("step", "7", 7, id="a step as protocol buffers write it"),
        pytest.param("step", 7.0, 7, id="a step as JavaScript writes it"),
        pytest.param("step", -3, -3, id="a negative step"),
        pytest.param("step", 2**53, 2**53, id="the last step"),
        pytest.param("step", 2**53 + 2, None, id="a step beyond"),
        pytest.param("step", 0.5, None, id="half a step"),
        pytest.param("step", "1e3", None, id="a step with an exponent"),
        pytest.param("step", "9" * 21, None, id="a long text"),
        pytest.param("step", 1e400, None, id="an infinite step"),
        pytest.param("step", False, None, id="a truth value"),
        pytest.param("step", [1], None, id="a list"),
        pytest.param("timestamp", None, None, id="no time"),
        pytest.param("timestamp", -1, None, id="before 1970"),
        pytest.param("timestamp", fields.MAX_MILLIS, fields.MAX_MILLIS, id="the year 9999"),
        pytest.param("timestamp", fields.MAX_MILLIS + 1, None, id="after 9999"),
    ],
)
def test_steps_and_times(name: str, value: Any, wanted: int | None) -> None:
    if wanted is None:
        with pytest.raises(Refusal, match=name):
            fields.point({**METRIC, name: value})
        return
    assert fields.point({**METRIC, name: value})[name] == wanted


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        pytest.param({"run_id": "a"}, "a", id="a run"),
        pytest.param({"run_uuid": "a"}, "a", id="an old client"),
        pytest.param({"run_id": "", "run_uuid": "a"}, "a", id="an empty one beside it"),
        pytest.param({"run_id": "a", "run_uuid": "b"}, "a", id="both"),
        pytest.param({}, None, id="none"),
        pytest.param({"run_id": ["a"]}, None, id="a list"),
        pytest.param({"run_id": "a" * 251}, None, id="a long one"),
    ],
)
def test_the_run_of_a_call(given: dict[str, Any], wanted: str | None) -> None:
    if wanted is None:
        with pytest.raises(Refusal, match="run_"):
            fields.run_id(given)
        return
    assert fields.run_id(given) == wanted


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"{", "the body is no JSON", id="no JSON"),
        pytest.param(b"\xff", "the body is no JSON", id="no text"),
        pytest.param(b"[" * 100_000, "the body is no JSON", id="too deep"),
        pytest.param(b"[]", "no JSON object", id="a list"),
        pytest.param(b"1", "no JSON object", id="a number"),
    ],
)
def test_bodies_that_are_no_object(body: bytes, words: str) -> None:
    with pytest.raises(Refusal, match=words):
        fields.fields_of(body)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        pytest.param({}, 0, id="none"),
        pytest.param({"metrics": [METRIC, METRIC]}, 2, id="two"),
        pytest.param({"metrics": [METRIC] * 3}, None, id="too many"),
        pytest.param({"metrics": {}}, None, id="an object"),
        pytest.param({"metrics": [METRIC, 1]}, None, id="a number among them"),
    ],
)
def test_lists_of_a_batch(given: dict[str, Any], wanted: int | None) -> None:
    if wanted is None:
        with pytest.raises(Refusal, match="metrics"):
            fields.objects(given, "metrics", 2)
        return
    assert len(fields.objects(given, "metrics", 2)) == wanted


def body(content: bytes, **headers: str) -> Body:
    """A body with these headers."""
    made = Message()
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    return Body(io.BytesIO(content), made)


@pytest.mark.parametrize(
    ("content", "headers", "wanted"),
    [
        pytest.param(b"hello", {"Content_Length": "5"}, b"hello", id="a length"),
        pytest.param(b"hello", {"Content_Length": "2"}, b"he", id="the next request stays"),
        pytest.param(b"hello", {}, b"", id="no length"),
        pytest.param(b"he", {"Content_Length": "5"}, None, id="hung up"),
        pytest.param(b"x", {"Content_Length": "-1"}, None, id="a negative length"),
        pytest.param(b"x", {"Content_Length": "²"}, None, id="a length of other digits"),
        pytest.param(b"x", {"Content_Length": "9" * 19}, None, id="a length beyond all"),
        pytest.param(b"5\r\nhello\r\n0\r\n\r\n", {"Transfer_Encoding": "chunked"}, b"hello", id="chunks"),
        pytest.param(b"2;x\r\nhe\r\n1\r\ny\r\n0\r\nA: b\r\n\r\n", {"Transfer_Encoding": "Chunked"}, b"hey", id="a trailer"),
        pytest.param(b"0\r\n\r\n", {"Transfer_Encoding": "chunked"}, b"", id="an empty file"),
        pytest.param(b"5\r\nhe", {"Transfer_Encoding": "chunked"}, None, id="hung up in a chunk"),
        pytest.param(b"-1\r\n", {"Transfer_Encoding": "chunked"}, None, id="a negative chunk"),
        pytest.param(b"", {"Transfer_Encoding": "chunked"}, None, id="no chunk"),
        pytest.param(b"x" * 101, {"Content_Length": "101"}, None, id="too much"),
    ],
)  # fmt: skip
def test_bodies(content: bytes, headers: dict[str, str], wanted: bytes | None) -> None:
    if wanted is None:
        with pytest.raises(Refusal):
            body(content, **headers).whole(100)
        return
    assert body(content, **headers).whole(100) == wanted


@pytest.mark.parametrize(
    ("target", "operation", "query"),
    [
        pytest.param("/api/2.0/mlflow/runs/get?run_id=a", "runs/get", {"run_id": "a"}, id="a read"),
        pytest.param("/ajax-api/2.0/mlflow/runs/get", "runs/get", {}, id="as a page asks"),
        pytest.param("/api/3.0/mlflow/server-info", "server-info", {}, id="version 3"),
        pytest.param("/api/2.0/mlflow/x?a=1&a=2&b=", "x", {"a": "1", "b": ""}, id="the first counts"),
        pytest.param("/api/2.0/other/runs/get", "", {}, id="another API"),
        pytest.param("/x/api/2.0/mlflow/runs/get", "", {}, id="below another path"),
    ],
)  # fmt: skip
def test_targets(target: str, operation: str, query: dict[str, str]) -> None:
    path, found = query_of(target)

    assert (operation_of(path), found) == (operation, query)


def test_a_query_of_many_fields_is_refused() -> None:
    with pytest.raises(Refusal, match="too many fields"):
        query_of("/api/2.0/mlflow/runs/get?" + "&".join(f"a{n}=1" for n in range(101)))


def test_a_body_that_is_read_is_the_object_that_was_sent() -> None:
    assert fields.fields_of(json.dumps(METRIC).encode()) == METRIC
    assert fields.fields_of(b"") == {}


def test_half_a_character_becomes_a_question_mark() -> None:
    """The gateway would refuse the whole batch, with what was answered before."""
    found = fields.tag(json.loads(r'{"key": "note", "value": "a \ud83d é \ud83d\ude00"}'))

    assert found == ("note", "a ? é 😀")
    assert orjson.loads(json.dumps(found)) == list(found)
