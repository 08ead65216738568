"""What the operator keeps of objects that go away, and of warnings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from cluster_objects import at, job, meta, node, pod, queue, running, session
from operator_state import CONFIG, NOW

from trainyard_kube import Applied, Change, Deleted, KubeClient, KubeConfig
from trainyard_operator.core.actions import CreateJob, PatchStatus
from trainyard_operator.core.decide import decide
from trainyard_operator.informer import Informer

Json = dict[str, Any]


@dataclass
class Later:
    """Callbacks that were put off."""

    waiting: list[Callable[[], None]] = field(default_factory=list)

    def __call__(self, seconds: float, what: Callable[[], None]) -> None:
        assert seconds > 0
        self.waiting.append(what)

    def run(self) -> None:
        while self.waiting:
            self.waiting.pop(0)()


async def follow(informer: Informer, kind: str, *changes: Change) -> None:
    """Let the watch of one kind say these changes."""

    async def say() -> AsyncIterator[Change]:
        for change in changes:
            yield change

    informer.watches[kind] = say()  # type: ignore[assignment]  # as much of a watch as it takes
    await informer.follow(kind)


def informer_of(later: Later, *objects: tuple[str, Json]) -> Informer:
    found = Informer(KubeClient(KubeConfig("http://nowhere")), CONFIG, lambda: None, later=later)
    for kind, raw in (("nodes", node("n1")), ("queues", queue()), *objects):
        found.absorb(kind, raw)
    return found


def newer(raw: Json, version: int, **metadata: Any) -> Json:
    return {**raw, "metadata": {**raw["metadata"], "resourceVersion": str(version), **metadata}}


def status_of(informer: Informer, name: str) -> Json:
    """What is written of a session now."""
    writes = decide(informer.state, NOW, CONFIG).writes
    found = [w.patch["status"] for w in writes if isinstance(w, PatchStatus) and w.name == name]
    return dict(found[-1]) if found else {}


def warning(about: str, note: str, version: int = 30, **more: Any) -> Json:
    kind = more.pop("kind", "Pod")
    return {
        "metadata": meta(f"event-{version}", version),
        "type": "Warning",
        "reason": "FailedMount",
        "note": note,
        "regarding": {"kind": kind, "uid": about},
        "eventTime": at(-5),
        **more,
    }


async def test_a_pod_that_is_deleted_as_it_is_marked_has_lost_its_node() -> None:
    later = Later()
    owner, its, worker = running("lost")
    found = informer_of(later, ("sessions", owner), ("jobs", its), ("pods", worker))
    mark = {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByPodGC"}
    gone = newer(worker, 20) | {"status": {"phase": "Running", "conditions": [mark]}}
    await follow(found, "pods", Applied(gone), Deleted(newer(gone, 21)))
    assert status_of(found, "lost")["failure"]["class"] == "NodeLost"
    assert not any(p.live for p in found.state.pods.values()), "its GPUs are free"
    later.run()
    assert found.state.pods == {}


async def test_a_pod_that_is_deleted_without_a_word_is_gone_at_once() -> None:
    later = Later()
    owner, its, worker = running("gone")
    found = informer_of(later, ("sessions", owner), ("jobs", its), ("pods", worker))
    await follow(found, "pods", Deleted(newer(worker, 20)))
    assert (found.state.pods, later.waiting) == ({}, [])


async def test_a_session_that_leaves_its_jobs_behind_is_left_alone() -> None:
    """kubectl delete trainingsession NAME --cascade=orphan"""
    later = Later()
    owner, its, worker = running("left")
    found = informer_of(later, ("sessions", owner), ("jobs", its), ("pods", worker))
    leaving = newer(owner, 20, deletionTimestamp=at(0), finalizers=["orphan"])
    ownerless = newer(its, 21, ownerReferences=[])
    await follow(found, "jobs", Applied(ownerless))
    assert found.state.jobs != {}, "the session may be seen later"
    await follow(found, "sessions", Applied(leaving))
    await follow(found, "jobs", Applied(newer(ownerless, 22)))
    writes = decide(found.state, NOW, CONFIG).writes
    assert [w for w in writes if w.uid == owner["metadata"]["uid"]] == []
    assert found.state.jobs == {}
    assert found.state.used["n1"][0] == 1, "its pod counts"


async def test_a_pod_whose_job_was_deleted_without_it_keeps_the_next_attempt_waiting() -> None:
    """kubectl delete job NAME --cascade=orphan"""
    later = Later()
    owner, its, worker = running("beside")
    labels = worker["metadata"]["labels"] | {
        "batch.kubernetes.io/job-name": its["metadata"]["name"]
    }
    found = informer_of(later, ("sessions", owner), ("jobs", its), ("pods", worker))
    orphan = newer(worker, 20, ownerReferences=[], labels=labels)
    await follow(found, "pods", Applied(orphan))
    await follow(found, "jobs", Deleted(newer(its, 21)))
    later.run()
    told = status_of(found, "beside")
    assert worker["metadata"]["name"] in told["message"]
    writes = decide(found.state, NOW, CONFIG).writes
    assert not any(isinstance(w, CreateJob) for w in writes)


async def test_the_newest_warning_that_says_something_is_told() -> None:
    later = Later()
    owner = session("starts", {"phase": "Starting", "attempt": 1})
    its = job(owner)
    worker = pod(its, phase="Pending")
    found = informer_of(later, ("sessions", owner), ("jobs", its), ("pods", worker))
    uid = worker["metadata"]["uid"]
    await follow(
        found,
        "warnings",
        Applied(warning(uid, "volume x is not there", 30)),
        Applied(warning(uid, "Error: ErrImagePull", 31, eventTime=at(-1))),
        Applied(warning(uid, "not this one", 32, type="Normal")),
        Applied(warning("uid-another", "nor this one", 33)),
    )
    told = status_of(found, "starts")
    assert "FailedMount: volume x is not there" in told["failure"]["message"]
    await follow(found, "warnings", Deleted(warning(uid, "volume x is not there", 34)))


@pytest.mark.parametrize(
    "about",
    [None, 7, {}, {"kind": "Pod"}, {"kind": "Node", "uid": "n"}],
    ids=["nothing", "a-number", "empty", "without-a-uid", "a-node"],
)
async def test_a_warning_that_makes_no_sense_stops_nothing(about: object) -> None:
    found = informer_of(Later())
    await follow(found, "warnings", Applied(warning("x", "y") | {"regarding": about}))
    assert decide(found.state, NOW, CONFIG).undecided == ()


async def test_a_node_that_falls_silent_is_told_without_another_event() -> None:
    owner, its, worker = running("quiet")
    found = informer_of(Later(), ("sessions", owner), ("jobs", its), ("pods", worker))
    found.state.touched.clear()
    ill = newer(node("n1"), 20)
    ill["status"] = ill["status"] | {
        "conditions": [{"type": "Ready", "status": "Unknown", "lastHeartbeatTime": at(-60)}]
    }
    await follow(found, "nodes", Applied(ill))
    assert owner["metadata"]["uid"] in found.state.touched
    assert (
        "Node n1 does not answer since 2027-01-15T07:59:00Z."
        in status_of(found, "quiet")["message"]
    )
