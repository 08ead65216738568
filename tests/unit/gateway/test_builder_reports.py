"""A pod that installs packages reports lines of its session's log, in its own stream, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from trainyard_api.report import Batch
from trainyard_gateway.auth.trainer_identity import Trainer
from trainyard_gateway.errors import NotPermitted
from trainyard_gateway.http.reports import require_lines_only, require_program

BUILDER = Trainer("u-1", 2, "builder-p-1")
PROGRAM = Trainer("u-1", 2)
TIME = "2026-01-01T00:00:00Z"


def batch(**more: Any) -> Batch:
    fields = {"sessionUid": "u-1", "attempt": 2, "stream": "builder-p-1", "sequence": 1, **more}
    return Batch.model_validate(fields)


LINES = {"logs": [{"time": TIME, "message": "Resolved 12 packages"}]}
METRICS = {"metrics": [{"time": TIME, "step": 1, "values": {"loss": 1.0}}]}
HEARTBEAT = {"heartbeat": {"time": TIME, "step": 1}}
CHECKPOINT = {"checkpoint": {"time": TIME, "step": 1, "name": "step-1"}}


@pytest.mark.parametrize(
    ("sender", "sent"),
    [
        (BUILDER, LINES),
        (PROGRAM, {**LINES, **METRICS, **HEARTBEAT, **CHECKPOINT, "stream": "rank-0"}),
        (PROGRAM, {**LINES, "attempt": 1}),
    ],
    ids=["lines", "all of a program", "an earlier attempt of a program"],
)
def test_taken(sender: Trainer, sent: dict[str, Any]) -> None:
    assert require_lines_only(sender, batch(**sent)) is None


@pytest.mark.parametrize(
    "sent",
    [
        METRICS,
        HEARTBEAT,
        CHECKPOINT,
        {**LINES, "stream": "supervisor-0"},
        {**LINES, "stream": "builder-p-2"},
        {**LINES, "attempt": 1},
    ],
    ids=["metrics", "progress", "checkpoint", "the program's stream", "another pod's", "earlier"],
)
def test_refused(sent: dict[str, Any]) -> None:
    with pytest.raises(NotPermitted):
        require_lines_only(BUILDER, batch(**sent))


def test_it_registers_no_model() -> None:
    assert require_program(PROGRAM) is None
    with pytest.raises(NotPermitted):
        require_program(BUILDER)
