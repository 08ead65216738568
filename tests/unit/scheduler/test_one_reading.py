"""Six objects that operator and gateway once read differently. Each is asked of both programs and must have one answer."""

from __future__ import annotations

from typing import Any

import pytest
from both_programs import (
    Answer,
    created,
    gateway_says,
    gateway_state,
    operator_says,
    operator_state,
)
from cluster_objects import NOW, Json, at, job, node, pod, queue, running, session

from trainyard_scheduler.usage import AllocationCache

Objects = dict[str, list[Json]]


def objects(*nodes: Json, queues: tuple[Json, ...] = (), **more: list[Json]) -> Objects:
    return {"nodes": list(nodes), "queues": list(queues or (queue(),)), **more}


def placed(*found: Json) -> Objects:
    """Sessions with their Jobs and pods."""
    kinds: Objects = {"sessions": [], "jobs": [], "pods": []}
    for raw in found:
        owners = [o["kind"] for o in raw["metadata"].get("ownerReferences", ())]
        kinds["pods" if owners == ["Job"] else "jobs" if owners else "sessions"].append(raw)
    return kinds


def both(found: Objects, request: Json) -> Answer:
    """The answer of both programs, which must be the same."""
    gateway = gateway_says(found, request)
    operator = operator_says(found, created(request, "", 1_000, NOW))
    assert gateway == operator
    return gateway


def second_attempt(name: str, progress: Json) -> list[Json]:
    """A session whose second attempt runs, with its Job and pod."""
    status = {"phase": "Running", "attempt": 2, "attemptStartTime": at(-1000), "progress": progress}
    owner = session(name, status, gpus=2)
    its = job(owner, 2)
    return [owner, its, pod(its)]


def asks(gpus: int, **more: Any) -> Json:
    resources = {"gpus": gpus, "cpu": "1", "memory": "1Gi"}
    return {"name": "new", "command": ["run"], "resources": resources, **more}


def test_a_quota_without_borrowing_that_is_too_small_is_never() -> None:
    found = objects(node("n1", 8), queues=(queue(gpuQuota=2, borrow=False),))

    answer = both(found, asks(4))

    assert (answer.possible, answer.reason) == (False, "ExceedsQueueLimit")


def test_a_cordoned_node_may_come_back_so_what_fits_there_is_possible() -> None:
    answer = both(objects(node("n1", 4, unschedulable=True)), asks(4))

    assert (answer.possible, answer.reason, answer.position) == (True, "WaitingForGPUs", 1)


def test_another_that_waits_takes_as_long_as_its_kind_usually_does() -> None:
    ended = {"phase": "Succeeded", "runSeconds": 600, "attempt": 1}
    past = [
        session(f"past{i}", ended | {"completionTime": at(-5000 + i)}, gpus=4) for i in range(3)
    ]
    waits = session("waits", {"phase": "Queued", "queuedTime": at(-100)}, gpus=4)
    progress = {"attempt": 1, "etaSeconds": 60, "lastHeartbeat": at(0)}
    runs = running("runs", 4, status={"progress": progress})
    found = objects(node("n1", 4), **placed(*past, waits, *runs))

    answer = both(found, asks(4))

    assert (answer.position, answer.earliest) == (2, "2027-01-15T08:11:00Z")


def test_sessions_that_ended_in_any_way_tell_how_long_others_run() -> None:
    ways = ("Succeeded", "Failed", "Stopped") * 3
    past = [
        session(
            f"past{i}",
            {"phase": way, "runSeconds": 100 * i, "attempt": 1, "completionTime": at(-5000 + i)},
            gpus=4,
        )
        for i, way in enumerate(ways, 1)
    ]
    found = objects(node("n1", 4), **placed(*past, *running("runs", 4, ran=50)))

    answer = both(found, asks(4))

    assert (answer.earliest, answer.latest) == ("2027-01-15T08:00:50Z", "2027-01-15T08:14:10Z")


def test_run_time_of_earlier_attempts_counts_against_the_limit() -> None:
    status = {"phase": "Queued", "queuedTime": at(-100), "attempt": 1, "runSeconds": 3500}
    again = session("again", status, gpus=4, maxRuntimeSeconds=3600)
    found = objects(
        node("n1", 4), **placed(again, *running("runs", 4, maxRuntimeSeconds=1060, ran=1000))
    )

    answer = both(found, asks(4))

    assert (answer.position, answer.latest) == (2, "2027-01-15T08:02:40Z"), "60 s and 100 s"


def test_a_checkpoint_of_an_earlier_attempt_saves_nothing_of_this_one() -> None:
    old = {"attempt": 1, "lastCheckpoint": {"step": 1, "time": at(-10)}}
    new = {"attempt": 2, "lastCheckpoint": {"step": 1, "time": at(-20)}}
    found = objects(node("n1", 4), **placed(*second_attempt("a", old), *second_attempt("b", new)))

    for state in (gateway_state(found), operator_state(found)):
        allocations = {a.uid: a.checkpoint for a in AllocationCache().of(state, NOW)}
        assert allocations == {"uid-a": None, "uid-b": NOW - 20}


def test_a_time_without_zone_is_no_time() -> None:
    zoneless = at(-100).removesuffix("Z")
    waits = session("waits", {"phase": "Queued", "queuedTime": zoneless}, gpus=4)
    found = objects(node("n1", 4, unschedulable=True), sessions=[waits])

    answer = both(found, asks(4))

    assert (answer.position, answer.ahead) == (2, (1, 4)), "it counts as ready from now on"


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"resumeFrom": {"session": "absent"}}, "ResumeSourceNotFound"),
        ({"desiredState": "Suspended"}, "SuspendedByOwner"),
    ],
    ids=["resumes-from-nothing", "suspended"],
)
def test_what_must_happen_before_the_queue_decides(spec: Json, reason: str) -> None:
    answer = both(objects(node("n1", 4)), asks(1, **spec))

    assert (answer.possible, answer.starts_now, answer.reason) == (True, False, reason)
    assert answer.position is None
