"""No world of pods, Jobs, nodes and warnings leaves a session without an end, a next look, or a name of what it waits for.

A world is drawn and then stands still: no pod starts, ends or vanishes, and no node comes back. The operator's writes reach the
API server, and the clock goes on to when the operator wants to look again. After that the session has ended, is back in its
queue, or its message names an object that exists.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import orjson
from cluster_objects import NOW, at, job, meta, node, pod, queue, session
from hypothesis import given, settings
from hypothesis import strategies as st
from operator_state import CONFIG, INSTALLATION

from trainyard_api import timestamps
from trainyard_api.phase import TERMINAL, Reason
from trainyard_operator.core.actions import CreateJob, DeleteJobs, DeleteSession, PatchStatus
from trainyard_operator.core.decide import decide
from trainyard_scheduler.objects import parse
from trainyard_scheduler.objects.load import ClusterObjects, load
from trainyard_scheduler.objects.store import ClusterState

Json = dict[str, Any]
WORKERS = 2
STEPS = 40
WEEK = 7 * 86_400.0

WAITING = [
    None,
    *(
        {"reason": reason, "message": message}
        for reason in (
            "ContainerCreating",
            "PodInitializing",
            "ErrImagePull",
            "ImagePullBackOff",
            "InvalidImageName",
            "ErrImageNeverPull",
            "CreateContainerConfigError",
            "CreateContainerError",
            "CrashLoopBackOff",
            "SomethingNew",
        )
        for message in ("", "i/o timeout", "not found")
    ),
]
times = st.integers(-4000, 20).map(at)
ended = st.fixed_dictionaries(
    {"exitCode": st.sampled_from([0, 1, 64, 70, 75, 137, 143])},
    optional={
        "startedAt": times,
        "finishedAt": times,
        "reason": st.sampled_from(["Error", "OOMKilled", "StartError", "Completed"]),
        "message": st.sampled_from(['{"interrupted": true}', "text", '{"end": {"step": 3}}']),
    },
)
states = st.one_of(
    st.sampled_from(WAITING).map(lambda found: {"waiting": found} if found else {}),
    st.fixed_dictionaries({}, optional={"startedAt": times}).map(lambda r: {"running": r}),
    ended.map(lambda found: {"terminated": found}),
)
conditions = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(
                ["PodScheduled", "PodReadyToStartContainers", "DisruptionTarget", "Ready"]
            ),
            "status": st.sampled_from(["True", "False"]),
            "reason": st.sampled_from(
                [
                    "Unschedulable",
                    "SchedulingGated",
                    "DeletionByTaintManager",
                    "TerminationByKubelet",
                ]
            ),
            "message": st.sampled_from(["", "0/1 nodes are available"]),
            "lastTransitionTime": times,
        }
    ),
    max_size=3,
    unique_by=lambda condition: condition["type"],
)


@st.composite
def pods(draw: st.DrawFn, its: Json, worker: int) -> Json:
    """A pod of a worker in any state, possible or not."""
    found = copy.deepcopy(
        pod(
            its,
            worker,
            draw(st.sampled_from([None, "n1", "gone"])),
            draw(st.sampled_from(["Pending", "Running", "Succeeded", "Failed", "Unknown"])),
        )
    )
    found["metadata"]["creationTimestamp"] = draw(times)
    if draw(st.booleans()):
        grace = {"deletionTimestamp": draw(times), "deletionGracePeriodSeconds": 60}
        found["metadata"] |= grace
    status: Json = {"conditions": draw(conditions)}
    if draw(st.booleans()):
        status["containerStatuses"] = [
            {"name": "sidecar", "state": draw(states)},
            {"name": "trainer", "state": draw(states)},
        ]
    if draw(st.booleans()):
        status["initContainerStatuses"] = [{"name": "supervisor", "state": draw(states)}]
    if draw(st.booleans()):
        status["reason"] = draw(
            st.sampled_from(["Evicted", "NodeLost", "OutOfcpu", "NodeAffinity"])
        )
        status["message"] = draw(st.sampled_from(["", "Usage of EmptyDir volume exceeds"]))
    found["status"] |= status
    return found


def warning(about: Json, kind: str, number: int, note: str) -> Json:
    return {
        "metadata": meta(f"event-{number}", 100 + number),
        "type": "Warning",
        "reason": "FailedCreate" if kind == "Job" else "FailedMount",
        "note": note,
        "regarding": {"kind": kind, "uid": about["metadata"]["uid"]},
        "eventTime": at(-number),
    }


NOTES = ["exceeded quota: few", "is forbidden: maximum memory", "no runtime is configured", ""]


@dataclass
class World:
    """What there is of one session."""

    session: Json
    job: Json | None
    pods: list[Json]
    nodes: list[Json]
    warnings: list[Json]
    now: float = NOW
    looks: list[str] = field(default_factory=list)

    def state(self) -> ClusterState:
        jobs = [self.job] if self.job is not None else []
        objects = ClusterObjects(self.nodes, self.pods, jobs, [queue()], [self.session])
        found = load(objects, INSTALLATION)
        found.secrets = {}
        for raw in self.warnings:
            item = parse.warning(raw)
            assert item is not None
            found.put_warning(item)
        return found

    def step(self) -> bool:
        """Decide and write. False if the operator wants to look again only when something happens."""
        decisions = decide(self.state(), self.now, CONFIG)
        assert decisions.undecided == ()
        for write in decisions.writes:
            match write:
                case PatchStatus():
                    merge(self.session["status"], orjson.loads(orjson.dumps(write.patch["status"])))
                case DeleteJobs():
                    self.lose_job()
                case CreateJob() | DeleteSession():
                    self.looks.append("goes on")
                    return False
                case _:
                    pass
        if decisions.wake is None and not decisions.writes:
            return False
        # Writes come back at once.
        self.now = max(self.now, min(decisions.wake or self.now, self.now + WEEK))
        return True

    def lose_job(self) -> None:
        """The Job is gone, and Kubernetes asks its pods to end; they do not."""
        self.job = None
        for found in self.pods:
            text = timestamps.to_seconds_text(self.now + 60)
            grace = {"deletionTimestamp": text, "deletionGracePeriodSeconds": 60}
            found["metadata"] = {**grace, **found["metadata"]}

    def told(self) -> str:
        """The world for a reader of a failed example."""
        its = self.job and [self.job["metadata"].get("deletionTimestamp"), self.job["status"]]
        pods = [(p["metadata"].get("deletionTimestamp"), p["spec"], p["status"]) for p in self.pods]
        return f"{self.session['status']}\n{its}\n{pods}\n{self.now - NOW}"

    @property
    def phase(self) -> str:
        return str(self.session["status"].get("phase"))

    @property
    def message(self) -> str:
        return str(self.session["status"].get("message", ""))

    @property
    def named(self) -> bool:
        """Whether the message names a pod, Job or node, or the part of Kubernetes that is to act."""
        names = [o["metadata"]["name"] for o in (*self.pods, *self.nodes)]
        names += [self.session["status"].get("jobName") or "?", "kube-scheduler", "gone"]
        return any(name in self.message for name in names)

    @property
    def runs(self) -> bool:
        """Whether the message that all workers run is true."""
        pods = self.state().pods.values()
        running = sum(p.outcome == "Running" and p.started is not None for p in pods)
        return running + sum(p.outcome == "Succeeded" for p in pods) >= WORKERS


def merge(target: Json, patch: Json) -> None:
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict) and isinstance(target.get(key), dict):
            merge(target[key], value)
        else:
            target[key] = value


PHASES = ["Queued", "Starting", "Running", "Suspending", "Stopping"]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A session with an open attempt, or one that waits for the pods of its last."""
    phase = draw(st.sampled_from(PHASES))
    status: Json = {"phase": phase, "attempt": 1, "queuedTime": at(-3000)}
    if draw(st.booleans()):
        status |= {"attemptStartTime": at(-2000), "startTime": at(-2000)}
    if draw(st.booleans()):
        classes = st.sampled_from(["ImageUnavailable", "Stalled", "BadData", "QuotaExceeded"])
        status["failure"] = {"class": draw(classes), "attempt": 1, "message": "x", "alike": 1}
    wanted = draw(st.sampled_from(["Running", "Running", "Suspended", "Stopped"]))
    retry = {"limit": draw(st.integers(0, 2)), "backoffSeconds": 10}
    owner = session("s", status, workers=WORKERS, desiredState=wanted, retry=retry)
    its = job(owner, nodes=("n1",) * WORKERS)
    its["metadata"]["creationTimestamp"] = draw(times)
    its["spec"]["suspend"] = draw(st.integers(0, 9)) == 0
    if draw(st.integers(0, 3)) == 0:
        kind = draw(st.sampled_from(["Complete", "Failed"]))
        message = draw(st.sampled_from(["", "Pod ns/x has condition DisruptionTarget matching"]))
        end = {"type": kind, "status": "True", "reason": "x", "message": message}
        its["status"]["conditions"] = [{**end, "lastTransitionTime": draw(times)}]
    elif draw(st.integers(0, 5)) == 0:
        its["metadata"]["deletionTimestamp"] = draw(times)
    workers = draw(st.sets(st.integers(0, WORKERS - 1)))
    found = [draw(pods(its, worker)) for worker in sorted(workers)]
    place = node("n1")
    truth = draw(st.sampled_from(["True", "False", "Unknown"]))
    ready = {"type": "Ready", "status": truth, "message": "x", "lastHeartbeatTime": at(-500)}
    place["status"]["conditions"] = [ready] if draw(st.integers(0, 9)) else []
    about = [(its, "Job"), *((p, "Pod") for p in found)]
    warnings = [
        warning(*draw(st.sampled_from(about)), number, draw(st.sampled_from(NOTES)))
        for number in range(draw(st.integers(0, 3)))
    ]
    gone = draw(st.integers(0, 9)) == 0
    nodes = [place] if draw(st.integers(0, 9)) else []
    world = World(owner, its, found, nodes, warnings)
    if gone:
        world.lose_job()
    return world


@settings(max_examples=200, deadline=None)
@given(worlds())
def test_nothing_lasts_without_a_reason_and_a_way_out(world: World) -> None:
    for _ in range(STEPS):
        if not world.step():
            break
    ended = world.phase in TERMINAL or world.looks
    back = world.phase in ("Queued", "Suspended", "Pending") and not world.message.startswith(
        "Waits until the pods"
    )
    runs = world.phase == "Running" and world.runs
    assert ended or back or runs or world.named, world.told()
    assert world.message != Reason.PODS_STARTING.sentence or ended


@settings(max_examples=100, deadline=None)
@given(worlds())
def test_what_nobody_waits_for_is_looked_at_again(world: World) -> None:
    """While the message names nothing, there is a time at which the operator looks again."""
    for _ in range(STEPS):
        before = copy.deepcopy(world.session["status"])
        goes_on = world.step()
        if not goes_on and world.session["status"] == before:
            break
        if world.message == Reason.PODS_STARTING.sentence:
            decisions = decide(world.state(), world.now, CONFIG)
            assert decisions.wake is not None or decisions.writes, world.message
