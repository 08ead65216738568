"""What the environment says to the supervisor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trainyard_supervisor.session import deliver_seconds
from trainyard_supervisor.settings import Settings, settings

RUN = '{"uid": "u", "attempt": 2}'


def given(**environment: str) -> Settings:
    return settings(environment, Path("run"), Path("message"))


def test_an_attempt() -> None:
    found = given(
        TRAINYARD_RUN=RUN,
        TRAINYARD_GATEWAY_URL="http://gateway",
        TRAINYARD_TOKEN_FILE="token",
        JOB_COMPLETION_INDEX="3",
        TRAINYARD_GRACE_SECONDS="60",
    )

    assert found.attempt is not None
    assert (found.attempt.session_uid, found.attempt.number) == ("u", 2)
    assert (found.worker, found.grace_seconds) == (3, 60)


def test_outside_of_a_session_nothing_is_reported() -> None:
    assert given().attempt is None
    assert given(TRAINYARD_RUN=RUN).attempt is None


@pytest.mark.parametrize(("grace", "own"), [("0", 0), ("1", 0.75), ("20", 15), ("3600", 3595)])
def test_a_part_of_the_grace_is_the_supervisors(grace: str, own: float) -> None:
    assert given(TRAINYARD_GRACE_SECONDS=grace).own_grace_seconds == own


LEFT = [
    pytest.param(None, 0.0, 10.0, id="no signal"),
    pytest.param(100.0, 100.0, 10.0, id="ended at once"),
    pytest.param(100.0, 155.0, 4.0, id="killed at the end of the grace"),
    pytest.param(100.0, 170.0, 0.5, id="too late"),
]


@pytest.mark.parametrize(("stopped", "now", "seconds"), LEFT)
def test_the_last_reports_do_not_wait_for_the_kubelets_kill(
    stopped: float | None, now: float, seconds: float
) -> None:
    assert deliver_seconds(stopped, 60.0, now) == seconds


WRONG = [
    pytest.param("TRAINYARD_GRACE_SECONDS", "soon", id="grace in words"),
    pytest.param("TRAINYARD_GRACE_SECONDS", "-1", id="negative grace"),
    pytest.param("TRAINYARD_GRACE_SECONDS", "nan", id="grace that is no number"),
    pytest.param("JOB_COMPLETION_INDEX", "first", id="worker in words"),
    pytest.param("JOB_COMPLETION_INDEX", "9" * 30, id="worker too large"),
    pytest.param("TRAINYARD_RUN", "{", id="no JSON"),
    pytest.param("TRAINYARD_RUN", "[1]", id="no object"),
    pytest.param("TRAINYARD_RUN", '{"uid": "u", "attempt": "x"}', id="no attempt"),
    pytest.param("TRAINYARD_RUN", '{"uid": "u", "attempt": 1, "outputs": [1]}', id="odd outputs"),
    pytest.param(
        "TRAINYARD_RUN", '{"uid": "u", "attempt": 1, "outputs": [{"path": "x"}]}', id="no name"
    ),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_is_named(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        given(**{"TRAINYARD_GATEWAY_URL": "http://gateway", name: value})


@pytest.mark.parametrize(
    ("more", "stream"),
    [({}, None), ({"stream": "builder-1"}, "builder-1"), ({"stream": None}, None)],
    ids=["by the worker", "given", "null"],
)
def test_what_its_reports_are_called(more: dict[str, object], stream: str | None) -> None:
    run = json.dumps({"uid": "u", "attempt": 1, **more})

    found = given(TRAINYARD_RUN=run, TRAINYARD_GATEWAY_URL="http://gateway").attempt

    assert found is not None
    assert found.stream == stream


def test_outputs_are_those_of_the_attempt() -> None:
    run = {"uid": "u", "attempt": 1, "outputs": [{"path": "out", "name": "mine"}]}

    assert given(TRAINYARD_RUN=json.dumps(run)).outputs == (("out", "mine"),)
    assert given(TRAINYARD_RUN=json.dumps({**run, "outputs": None})).outputs == ()
    assert given().outputs == ()
