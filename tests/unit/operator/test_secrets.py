"""A session waits for the Secrets that it names until an administrator releases them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from operator_state import CONFIG, NOW, make_session, make_state

from trainyard_operator.core.actions import CreateJob, Decisions, PatchStatus
from trainyard_operator.core.cache import DecisionCache
from trainyard_operator.core.decide import decide
from trainyard_scheduler.admissibility import Validator
from trainyard_scheduler.objects.model import ReleasedSecret
from trainyard_scheduler.objects.store import ClusterState
from trainyard_scheduler.readiness import readiness_in

HUB = ReleasedSecret("uid-hub", "hub", 5)


def world(*secrets: str) -> ClusterState:
    state = make_state(make_session(spec={"secrets": secrets}))
    state.secrets = {}
    return state


def status(found: Decisions) -> dict[str, Any]:
    (write,) = (w for w in found.writes if isinstance(w, PatchStatus))
    patched: dict[str, Any] = write.patch["status"]
    return patched


def started(found: Decisions) -> bool:
    return any(isinstance(w, CreateJob) for w in found.writes)


def test_a_session_waits_and_says_what_to_do() -> None:
    found = decide(world("hub"), NOW, CONFIG)
    assert not started(found)
    written = status(found)
    assert written["phase"] == "Pending"
    assert "kubectl label secret hub trainyard.io/released-to-sessions=true" in written["message"]
    accepted = next(c for c in written["conditions"] if c["type"] == "Accepted")
    assert (accepted["status"], accepted["reason"]) == ("False", "SecretNotReleased")


def test_it_starts_once_the_secret_is_released_and_not_after_it_is_taken_back() -> None:
    state, cache = world("hub"), DecisionCache.create(CONFIG.installation)
    decide(state, NOW, CONFIG, cache)
    for release, starts in ((True, True), (False, False)):
        state.touched.clear()
        state.put_secret(HUB) if release else state.drop_secret(HUB.uid)
        assert state.touched == {"uid-s1"}
        for uid in state.touched:
            cache.forget(uid)
        assert started(decide(state, NOW, CONFIG, cache)) == starts


def test_one_of_two_is_not_enough() -> None:
    state = world("hub", "tracker")
    state.put_secret(HUB)
    assert "'tracker'" in status(decide(state, NOW, CONFIG))["message"]


def test_a_program_that_sees_no_secrets_believes_the_status() -> None:
    state = world("hub")
    state.secrets = None
    session = state.sessions["uid-s1"]
    validator = Validator(CONFIG.installation)
    assert readiness_in(state, session, validator, NOW).in_queue
    held = replace(session, status=replace(session.status, unreleased="waits"))
    assert readiness_in(state, held, validator, NOW).message == "waits"
