"""What programs that wait for an object read: observedGeneration, Ready, Stalled, and a reason in one word."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from operator_state import NOW, make_session

from trainyard_api.phase import TERMINAL, FailureClass, Phase, Reason
from trainyard_operator.core.session_state import SessionState
from trainyard_operator.core.status import merge_patch, render, render_invalid
from trainyard_scheduler.admissibility import ADMISSIBLE
from trainyard_scheduler.objects.model import InvalidSession, Session

GENERATION = 7
SETTLED = {"Running", "Succeeded", "Suspended", "Stopped", "Cancelled"}


def written(session: Session, phase: Phase, reason: str, queue: Any = None) -> dict[str, Any]:
    found = SessionState(phase, "A sentence.", reason)
    _, wanted = render(session, found, ADMISSIBLE, queue, NOW)
    return wanted


def conditions(status: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {c["type"]: c for c in status["conditions"]}


def kstatus(status: dict[str, Any], generation: int) -> str:
    """The verdict of kstatus (Flux, `helm --wait`) about a custom resource."""
    if status.get("observedGeneration") != generation:
        return "InProgress"
    found = {c["type"]: c["status"] for c in status.get("conditions", ())}
    if found.get("Reconciling") == "True":
        return "InProgress"
    if found.get("Stalled") == "True":
        return "Failed"
    return "InProgress" if found.get("Ready") in ("False", "Unknown") else "Current"


@pytest.mark.parametrize("phase", list(Phase))
def test_ready_and_stalled(phase: Phase) -> None:
    session = replace(make_session(gpus=2, workers=3), generation=GENERATION)
    status = written(session, phase, Reason.WAITING_FOR_TURN)
    found = conditions(status)

    assert found["Ready"]["status"] == ("True" if phase in SETTLED else "False")
    assert found["Ready"]["reason"] == "WaitingForTurn"
    assert found["Ready"]["message"] == "A sentence."
    assert found["Ready"]["observedGeneration"] == GENERATION
    assert ("Stalled" in found) == (phase == Phase.FAILED)
    verdict = {Phase.FAILED: "Failed"}.get(phase, "Current" if phase in SETTLED else "InProgress")
    assert kstatus(status, GENERATION) == verdict


def test_a_change_that_nobody_has_seen_is_in_progress() -> None:
    session = replace(make_session(), generation=GENERATION)

    assert (
        kstatus(written(session, Phase.RUNNING, Reason.PODS_RUNNING), GENERATION + 1)
        == "InProgress"
    )


@pytest.mark.parametrize("phase", sorted(TERMINAL))
def test_the_generation_of_a_finished_session_follows_and_nothing_else_changes(
    phase: Phase,
) -> None:
    own = {"phase": phase.value, "message": "As it was.", "observedGeneration": 1, "failures": 2}
    session = replace(make_session(phase=phase, own=own), generation=2)
    current, wanted = render(session, SessionState(phase, "", ""), ADMISSIBLE, None, NOW)

    assert merge_patch(current, wanted) == {"observedGeneration": 2}
    again = replace(session, status=replace(session.status, own=orjson.dumps(wanted)))
    assert merge_patch(*render(again, SessionState(phase, "", ""), ADMISSIBLE, None, NOW)) == {}


@pytest.mark.parametrize(
    ("phase", "reason", "queue", "word"),
    [
        (Phase.PENDING, Reason.DATASET_NOT_FOUND, None, "DatasetNotFound"),
        (Phase.QUEUED, Reason.WAITING_FOR_TURN, None, "WaitingForTurn"),
        (
            Phase.QUEUED,
            Reason.WAITING_FOR_TURN,
            {"reason": "WaitingForResources", "message": "GPUs are free, but …"},
            "WaitingForResources",
        ),
        (Phase.RUNNING, Reason.PODS_RUNNING, None, "PodsRunning"),
        (Phase.FAILED, FailureClass.OUT_OF_MEMORY, None, "OutOfMemory"),
    ],
    ids=["pending", "queued", "queued with a position", "running", "failed"],
)
def test_the_reason_in_one_word(phase: Phase, reason: Any, queue: Any, word: str) -> None:
    status = written(make_session(), phase, reason, queue)

    assert status["reason"] == word
    assert conditions(status)["Ready"]["reason"] == word


def test_gpus_are_those_of_all_workers() -> None:
    assert (
        written(make_session(gpus=8, workers=8), Phase.QUEUED, Reason.WAITING_FOR_TURN)["gpus"]
        == 64
    )


def test_a_spec_that_cannot_be_used_is_stalled() -> None:
    item = InvalidSession("u", "s", 1, GENERATION, "spec.command: no", b"{}")
    _, status = render_invalid(item, NOW)

    assert status["reason"] == "InvalidSpec"
    assert kstatus(status, GENERATION) == "Failed"


def test_the_generation_of_a_finished_session_follows_with_a_spec_that_cannot_be_used_any_more() -> (
    None
):
    own = orjson.dumps({"phase": "Succeeded", "observedGeneration": 1})
    current, wanted = render_invalid(InvalidSession("u", "s", 1, 2, "why", own), NOW)

    assert merge_patch(current, wanted) == {"observedGeneration": 2}
