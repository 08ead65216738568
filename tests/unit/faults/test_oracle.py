"""The oracle of the fault suite sees each thing that must never be, and nothing in a right history."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from history import Seen
from oracle import at_rest, violations, world_of

from trainyard_api import names

UID = "11111111-2222-3333-4444-555555555555"
Make = Callable[["Tale"], object]


class Tale:
    """A history that is told event by event."""

    def __init__(self) -> None:
        self.events: list[Seen] = []
        self._versions = itertools.count(1)

    def see(self, kind: str, item: dict[str, Any], deleted: bool = False) -> None:
        """An object as it is now, or as it was when it went."""
        found = {**item, "metadata": {**item["metadata"], "resourceVersion": next(self._versions)}}
        self.events.append(Seen(kind, deleted, found))

    def session(
        self, phase: str | None, attempt: int = 0, *, deleted: bool = False, **more: Any
    ) -> None:
        """The session with this status."""
        status = {"phase": phase, "attempt": attempt, "observedGeneration": 1, **more}
        meta = {"uid": UID, "name": "s", "generation": 1}
        self.see("sessions", {"metadata": meta, "status": status if phase else {}}, deleted)

    def job(
        self, attempt: int = 1, uid: str = "j1", *, name: str = "", gpus: int = 1, done: str = "",
        owner: str = UID, deleted: bool = False,
    ) -> None:  # fmt: skip
        """A Job of the session."""
        labels = {names.LABEL_SESSION: "s", names.LABEL_SESSION_UID: UID, names.LABEL_ATTEMPT: str(attempt)}  # fmt: skip
        meta = {"uid": uid, "name": name or names.job_name("s", UID, attempt), "labels": labels}
        meta |= {"ownerReferences": [{"uid": owner}]} if owner else {}
        status = {"conditions": [{"type": done, "status": "True"}]} if done else {}
        template = {"parallelism": 1, "template": {"spec": spec(gpus)}}
        self.see("jobs", {"metadata": meta, "spec": template, "status": status}, deleted)

    def pod(self, phase: str, attempt: int = 1, uid: str = "p1", job: str = "j1", **more: Any) -> None:  # fmt: skip
        """A pod of a Job."""
        labels = {names.LABEL_SESSION_UID: UID, names.LABEL_ATTEMPT: str(attempt)}
        meta = {"uid": uid, "name": uid, "labels": labels, "ownerReferences": [{"uid": job}]}
        found = {"metadata": meta, "spec": spec(more.get("gpus", 1)), "status": {"phase": phase}}
        self.see("pods", found, more.get("deleted", False))


def spec(gpus: int) -> dict[str, Any]:
    return {"containers": [{"resources": {"limits": {names.GPU_RESOURCE: str(gpus)}}}]}


def right(tale: Tale) -> None:
    """A session fails once, runs again and succeeds."""
    tale.session(None)
    tale.session("Queued")
    tale.job()
    tale.pod("Running")
    tale.session("Running", 1)
    tale.pod("Failed")
    tale.job(done="Failed")
    tale.session("Queued", 1, failures=1)
    tale.job(2, "j2")
    tale.pod("Running", 2, "p2", "j2")
    tale.session("Running", 2, failures=1)
    tale.pod("Succeeded", 2, "p2", "j2")
    tale.job(2, "j2", done="Complete")
    tale.session("Succeeded", 2, failures=1)


def test_a_right_history_has_no_violation() -> None:
    tale = Tale()
    right(tale)

    assert violations(tale.events, 4, ["canary"]) == []
    assert at_rest(world_of(tale.events)) == []


@pytest.mark.parametrize(
    ("make", "check"),
    [
        (lambda t: (t.job(), t.job(deleted=True), t.job(uid="j2")), "I2 one Job per attempt"),
        (lambda t: t.job(name="s-other"), "I2 name of a Job"),
        (lambda t: t.job(owner=""), "I4 owner"),
        (lambda t: (t.job(), t.job(2, "j2")), "I2 one live Job"),
        (
            lambda t: (t.job(), t.pod("Running"), t.job(done="Failed"), t.job(2, "j2")),
            "I2 one attempt at a time",
        ),
        (lambda t: t.job(gpus=5), "I3 no over-commit"),
        (
            lambda t: (t.job(gpus=3), t.pod("Running", gpus=3), t.job(deleted=True), t.job(2, "j2", gpus=2)),
            "I3 no over-commit",
        ),
        (lambda t: (t.session("Failed"), t.session("Queued")), "I9 terminal stays"),
        (lambda t: (t.session("Succeeded", 1), t.job(2)), "I9 nothing after the end"),
        (lambda t: (t.job(), t.session("Running", 1), t.session("Queued", 0)), "I9 attempts grow"),
        (lambda t: t.session("Queued", failures=1), "I9 failures"),
        (lambda t: t.session("Running", 1), "I2 Job before status"),
        (lambda t: t.session("Queued", observedGeneration=2), "I6 observedGeneration"),
        (lambda t: t.session("Queued", message="the canary"), "I11 no secret in an object"),
    ],
    ids=[
        "made again", "name", "owner", "two Jobs", "pods of the last attempt", "too many GPUs",
        "pods outlive their Job", "ended twice", "a Job after the end", "attempts", "failures", "status first",
        "generation", "secret",
    ],
)  # fmt: skip
def test_what_must_never_be_is_seen(make: Make, check: str) -> None:
    tale = Tale()
    make(tale)

    assert check in {v.check for v in violations(tale.events, 4, ["canary"])}


def test_a_request_may_bring_the_job_of_a_deleted_session_again_if_it_goes_too() -> None:
    tale = Tale()
    tale.session("Queued")
    tale.job()
    tale.session("Queued", deleted=True)
    tale.job(deleted=True)
    tale.job(uid="j2")
    stays = at_rest(world_of(tale.events))
    tale.job(uid="j2", deleted=True)

    assert violations(tale.events, 4) == []
    assert {v.check for v in stays} == {"I4 no orphan"}
    assert at_rest(world_of(tale.events)) == []


@pytest.mark.parametrize(
    ("make", "check"),
    [
        (lambda t: t.session(None), "I1 none without a status"),
        (lambda t: t.session("Running", 1), "I6 status is true"),
        (lambda t: (t.job(), t.session("Queued", 1)), "I6 status is true"),
        (lambda t: (t.job(2), t.session("Running", 1)), "I6 status is true"),
        (lambda t: t.session("Queued", observedGeneration=0), "I6 observedGeneration"),
        (lambda t: t.job(), "I4 no orphan"),
    ],
    ids=["no phase", "nothing runs", "something runs", "another attempt", "generation", "orphan"],
)
def test_what_must_not_be_at_rest_is_seen(make: Make, check: str) -> None:
    tale = Tale()
    make(tale)

    assert check in {v.check for v in at_rest(world_of(tale.events))}
