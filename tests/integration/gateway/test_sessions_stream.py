"""The stream of all sessions: values of running sessions come as they are reported, without their rows."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from cluster import unique
from gateway_lab import GatewayLab, Trainer
from web_sessions import set_status

pytestmark = pytest.mark.integration

NOW = "2026-01-01T00:00:00Z"
SECONDS = 60.0


def told(lab: GatewayLab, last: str | None = None) -> Iterator[dict[str, Any]]:
    """The events of the stream, each with its id."""
    headers = {"X-API-Key": lab.key} | ({"Last-Event-ID": last} if last else {})
    end = time.monotonic() + SECONDS
    with httpx.stream(
        "GET", f"{lab.url}/api/v1/training/events", headers=headers, timeout=SECONDS
    ) as answer:
        id = ""
        for line in answer.iter_lines():
            assert time.monotonic() < end, "the stream did not tell it"
            if line.startswith("id: "):
                id = line[4:]
            if line.startswith("data: "):
                yield {**json.loads(line[6:]), "id": id}


def report(trainer: Trainer, sequence: int, loss: float | None) -> None:
    beat = {"time": NOW, "step": sequence, "totalSteps": 100, "stepsPerSecond": 1.0}
    metrics = [{"step": sequence, "time": NOW, "values": {"loss": loss}}]
    body = {"metrics": metrics, "heartbeat": beat} if loss is not None else {}
    line = {"time": NOW, "message": f"line {sequence}"}
    trainer.report({"sequence": sequence, "logs": [line], **body}).raise_for_status()


def value(entry: dict[str, Any]) -> str | None:
    return next((m["value"] for m in entry["metrics"] if m["name"] == "loss"), None)


def test_values_come_without_their_row_and_never_go_back(lab: GatewayLab) -> None:
    trainer = lab.new_trainer(unique("told"))
    uid = trainer.session_uid
    set_status(lab, trainer.session, phase="Running")
    events = told(lab)
    sent, newest, alone = 0, 0, 0
    for event in events:
        entries = [e for e in (*event["sessions"], *event["values"]) if e["uid"] == uid]
        for entry in entries:
            seen = int(value(entry) or 0)
            assert newest <= seen <= sent
            newest = seen
        alone += any(entry["uid"] == uid for entry in event["values"])
        if alone >= 3:
            break
        if newest == sent:
            sent += 1
            report(trainer, sent, float(sent))
    events.close()  # type: ignore[attr-defined]  # it is a generator

    assert alone >= 3


def test_whoever_comes_back_gets_the_values_since_then_and_lines_alone_wake_nobody(
    lab: GatewayLab,
) -> None:
    trainer = lab.new_trainer(unique("back"))
    set_status(lab, trainer.session, phase="Running")
    report(trainer, 1, 1.0)
    uid = trainer.session_uid
    events = told(lab)
    last = next(
        event["id"]
        for event in events
        for entry in (*event["sessions"], *event["values"])
        if entry["uid"] == uid and value(entry) == "1" and event["id"]
    )
    events.close()  # type: ignore[attr-defined]  # it is a generator
    report(trainer, 2, None)
    report(trainer, 3, 3.0)
    seen = list[str | None]()
    for event in told(lab, last):
        assert not event["reset"]
        seen += [value(e) for e in (*event["sessions"], *event["values"]) if e["uid"] == uid]
        if seen and seen[-1] == "3":
            break

    assert set(seen) <= {"1", "3"}
