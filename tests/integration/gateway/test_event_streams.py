"""Streams of events: nothing is missed over a break, and nobody is held up by them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from cluster import api_client
from gateway_lab import GatewayLab, Trainer
from gateway_watch import cpu_seconds
from kubernetes import client

from trainyard_api import names

pytestmark = pytest.mark.integration

NOW = "2026-01-01T00:00:00Z"


def path_of(trainer: Trainer) -> str:
    return f"/training/{trainer.session}/events"


@dataclass
class Event:
    kind: str
    data: dict[str, Any]
    id: str | None


def events(response: httpx.Response) -> Iterator[Event]:
    kind, data, mark = "", "", None
    for line in response.iter_lines():
        name, _, value = line.partition(": ")
        if line == "" and kind:
            yield Event(kind, json.loads(data), mark)
            kind, data, mark = "", "", None
        elif name == "event":
            kind = value
        elif name == "data":
            data = value
        elif name == "id":
            mark = value


def say(trainer: Trainer, sequence: int, step: int) -> None:
    row = {"step": step, "time": NOW, "values": {"loss": float(step)}}
    line = {"time": NOW, "message": f"step {step}"}
    trainer.report({"sequence": sequence, "metrics": [row], "logs": [line]}).raise_for_status()


def until_step(stream: Iterator[Event], step: int) -> tuple[list[int], list[str], str]:
    """Steps, lines and the last id up to the line of a step."""
    steps: list[int] = []
    lines: list[str] = []
    last = ""
    for event in stream:
        last = event.id or last
        steps += [p["step"] for p in event.data.get("points", [])]
        lines += [entry["message"] for entry in event.data.get("lines", [])]
        if f"step {step}" in lines and step in steps:
            break
    return steps, lines, last


def test_what_happens_is_told_and_a_break_loses_nothing(
    lab: GatewayLab, http: httpx.Client, trainer: Trainer
) -> None:
    say(trainer, 1, 1)
    with http.stream("GET", path_of(trainer)) as response:
        stream = events(response)
        assert next(stream).data["phase"] == "Pending"
        say(trainer, 2, 2)
        say(trainer, 3, 3)
        steps, lines, last = until_step(stream, 3)
    assert (steps, lines) == ([2, 3], ["step 2", "step 3"])

    say(trainer, 4, 4)
    with http.stream("GET", path_of(trainer), headers={"Last-Event-ID": last}) as response:
        assert until_step(events(response), 4)[:2] == ([4], ["step 4"])
    with http.stream("GET", path_of(trainer), headers={"Last-Event-ID": "0.0"}) as response:
        assert until_step(events(response), 4)[0] == [1, 2, 3, 4]


def test_a_long_past_comes_in_pieces(http: httpx.Client, trainer: Trainer) -> None:
    for sequence in range(1, 140):
        say(trainer, sequence, sequence)

    with http.stream("GET", path_of(trainer), headers={"Last-Event-ID": "0.0"}) as response:
        steps, lines, _ = until_step(events(response), 139)

    assert steps == list(range(1, 140))
    assert lines == [f"step {n}" for n in range(1, 140)]


def test_phases_are_told_and_the_stream_ends_with_the_session(
    lab: GatewayLab, http: httpx.Client, trainer: Trainer
) -> None:
    with http.stream("GET", path_of(trainer)) as response, api_client(lab.kubeconfig) as api:
        stream = events(response)
        assert next(stream).data["phase"] == "Pending"
        client.CustomObjectsApi(api).patch_namespaced_custom_object_status(
            names.GROUP, names.VERSION, lab.namespace, names.SESSION_PLURAL, trainer.session,
            {"status": {"phase": "Running"}},
        )  # fmt: skip
        assert next(stream).data["phase"] == "Running"
        client.CustomObjectsApi(api).delete_namespaced_custom_object(
            names.GROUP, names.VERSION, lab.namespace, names.SESSION_PLURAL, trainer.session
        )
        rest = [(e.kind, e.data.get("deleted")) for e in stream]

    assert rest == [("phase", True), ("end", None)]


def test_a_revoked_key_ends_its_streams(
    lab: GatewayLab, http: httpx.Client, trainer: Trainer
) -> None:
    key = http.post("/keys", json={"name": "viewer", "scopes": ["sessions:read"]}).json()
    url = f"{lab.url}/api/v1{path_of(trainer)}"
    with httpx.stream("GET", url, headers={"X-API-Key": key["key"]}, timeout=10) as response:
        stream = events(response)
        next(stream)
        http.delete(f"/keys/{key['id']}").raise_for_status()
        assert list(stream) == []


def test_open_streams_do_not_hold_up_the_end(
    lab: GatewayLab, http: httpx.Client, trainer: Trainer
) -> None:
    with (
        http.stream("GET", path_of(trainer)) as first,
        http.stream("GET", path_of(trainer)) as second,
    ):
        streams = [events(first), events(second)]
        for stream in streams:
            next(stream)
        started = time.monotonic()
        lab.stop()
        took = time.monotonic() - started
        rest = [list(stream) for stream in streams]
        lab.start()

    assert rest == [[], []]
    assert took < 20


@pytest.mark.parametrize(
    "mark",
    [
        pytest.param("x", id="no number"),
        pytest.param("1", id="one number"),
        pytest.param("1.2.3", id="three numbers"),
        pytest.param("-1.0", id="negative"),
        pytest.param("9" * 40 + ".0", id="too large"),
    ],
)
def test_a_made_up_id_is_refused(http: httpx.Client, trainer: Trainer, mark: str) -> None:
    answer = http.get(path_of(trainer), headers={"Last-Event-ID": mark})

    assert answer.status_code == 400


FOLLOWERS = 320
IDLE_SECONDS = 5.0
IDLE_WINDOWS = 4
MOST = 0.05
"""Share of a core that they may cost."""


async def follow_idle(lab: GatewayLab, trainer: Trainer) -> tuple[float, list[bytes]]:
    """The share of a core that idle followers cost, and what each gets of one change."""
    assert lab.process is not None
    pid = lab.process.pid
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with (
        httpx.AsyncClient(
            base_url=f"{lab.url}/api/v1", headers={"X-API-Key": lab.key}, timeout=30, limits=limits
        ) as http,
        AsyncExitStack() as stack,
    ):
        streams = []
        for _ in range(FOLLOWERS):
            answer = await stack.enter_async_context(http.stream("GET", path_of(trainer)))
            assert answer.status_code == 200
            stream = answer.aiter_raw()
            while b"event: phase" not in await anext(stream):
                pass
            streams.append(stream)
        shares = []
        # Nothing happens: this is the time that is measured. What else the machine does only adds
        # to the cost, so the least of a few counts.
        while len(shares) < IDLE_WINDOWS and min(shares, default=1.0) >= MOST:
            began, started = cpu_seconds(pid), time.monotonic()
            await asyncio.sleep(IDLE_SECONDS)
            shares.append((cpu_seconds(pid) - began) / (time.monotonic() - started))
        share = min(shares)
        await asyncio.to_thread(say, trainer, 1, 1)
        return share, [await heard_by(stream) for stream in streams]


async def heard_by(stream: AsyncIterator[bytes]) -> bytes:
    """What comes next, but for comments that keep the connection."""
    async for piece in stream:
        if b"event: " in piece:
            return piece
    return b""


def test_idle_followers_cost_next_to_nothing_and_all_hear_of_a_change(
    lab: GatewayLab, trainer: Trainer
) -> None:
    share, heard = asyncio.run(follow_idle(lab, trainer))

    assert share < MOST, f"{FOLLOWERS} idle followers cost {share:.1%} of a core"
    assert len(heard) == FOLLOWERS
    assert all(b"event: metrics" in piece for piece in heard)
