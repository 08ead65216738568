"""Objects that make no sense, in every place, never stop the others: through the informer, the decision and the manifests."""

from __future__ import annotations

import copy
import math
import os
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operator_state import CONFIG, INSTALLATION, NOW, make_session, make_state

from trainyard_api.visible_text import visible
from trainyard_kube import KubeClient, KubeConfig
from trainyard_operator.core.actions import CreateJob, Decisions, PatchStatus
from trainyard_operator.core.cache import DecisionCache
from trainyard_operator.core.decide import decide
from trainyard_operator.core.manifests import build_job
from trainyard_operator.informer import Informer
from trainyard_scheduler.objects.model import Session
from trainyard_scheduler.objects.parse import session as parse_session
from trainyard_scheduler.readiness import IN_QUEUE

Json = dict[str, Any]


def meta(name: str, **more: Any) -> Json:
    return {"name": name, "namespace": "ns", "uid": f"uid-{name}", "resourceVersion": "7", **more}


def session(name: str) -> Json:
    spec = {
        "command": ["run"],
        "resources": {"gpus": 1, "cpu": "1", "memory": "1Gi"},
        "retry": {"limit": 3, "backoffSeconds": 10},
    }
    created = {"creationTimestamp": "2026-01-01T00:00:00Z", "generation": 1}
    return {"metadata": meta(name, labels={}, annotations={}, **created), "spec": spec}


def ill_session() -> Json:
    checkpoint = {"step": 5, "time": "2027-01-15T07:00:00Z"}
    status = {
        "phase": "Running",
        "attempt": 1,
        "failures": 1,
        "preemptions": 1,
        "queuedTime": "2027-01-15T06:00:00.000007Z",
        "retryTime": "2027-01-15T06:00:00Z",
        "startTime": "2027-01-15T06:00:00Z",
        "attemptStartTime": "2027-01-15T06:00:00Z",
        "jobName": "ill-x",
        "disruption": {"attempt": 1, "reason": "x", "message": "y"},
        "runSeconds": 60,
        "gpuSeconds": 60,
        "queue": {"position": 1, "ahead": {"sessions": 0, "gpus": 0}, "reason": "WaitingForGPUs"},
        "progress": {
            "attempt": 1,
            "step": 7,
            "totalSteps": 100,
            "epoch": 1,
            "epochs": 3,
            "stepsPerSecond": 0.5,
            "etaSeconds": 60.5,
            "lastCheckpoint": checkpoint,
            "lastHeartbeat": "2027-01-15T07:59:00Z",
            "lastStepTime": "2027-01-15T07:59:00Z",
        },
        "metrics": [{"name": "loss", "value": "0.5"}],
        "dataset": {"name": "d", "state": "Found", "file": "d.csv", "format": "csv"},
        "model": {"name": "m", "version": 1},
        "failure": {
            "class": "ProgramError",
            "attempt": 1,
            "lastLogLines": ["x"],
            "alike": 1,
            "exitCode": 1,
            "message": "x",
        },
        "conditions": [{"type": "Running", "status": "True", "reason": "PodsRunning"}],
    }
    owners = [{"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "x", "controller": True}]
    found = session("ill") | {"status": status}
    found["metadata"] |= {"ownerReferences": owners, "finalizers": ["example.com/never"]}
    return found


def waiting_session() -> Json:
    """It asks for more GPUs than are free, and its position was published."""
    found = ill_session()
    start = {"earliest": "2027-01-15T09:00:00Z", "latest": "2027-01-15T10:00:00Z"}
    queue = found["status"]["queue"] | {"estimatedStart": start, "message": "x"}
    found["status"] |= {"phase": "Queued", "message": IN_QUEUE.message, "queue": queue}
    found["spec"]["resources"] |= {"gpus": 4}
    return found


def job() -> Json:
    owner = parse_session(ill_session(), INSTALLATION)
    assert isinstance(owner, Session)
    found = build_job(owner, 1, ("n2",), CONFIG)
    found["metadata"] |= {
        "uid": "uid-job",
        "resourceVersion": "8",
        "creationTimestamp": "2027-01-15T06:00:00Z",
    }
    failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "x"}
    return found | {"status": {"conditions": [failed]}}


def pod() -> Json:
    template = job()["spec"]["template"]
    index = {"batch.kubernetes.io/job-completion-index": "0"}
    owner = {"kind": "Job", "uid": "uid-job", "name": "ill", "controller": True}
    labels = template["metadata"]["labels"] | index
    ended = {"exitCode": 1, "signal": 0, "reason": "Error", "message": "{}", "startedAt": "x"}
    status = {
        "phase": "Running",
        "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "x"}],
        "containerStatuses": [{"name": "trainer", "state": {"terminated": ended}}],
    }
    spec = template["spec"] | {"nodeName": "n2", "overhead": {"cpu": "1m"}}
    return {
        "metadata": meta("ill-pod", labels=labels, ownerReferences=[owner]),
        "spec": spec,
        "status": status,
    }


def foreign_pod() -> Json:
    """It holds a GPU of n1, so that the waiting session does not fit."""
    used = {"requests": {"nvidia.com/gpu": "1"}}
    spec = {"nodeName": "n1", "containers": [{"resources": used}]}
    return {"metadata": meta("foreign"), "spec": spec, "status": {"phase": "Running"}}


def node(name: str) -> Json:
    gives = {"cpu": "64", "memory": "256Gi", "pods": "110", "nvidia.com/gpu": "4"}
    ready = [{"type": "Ready", "status": "True"}]
    spec = {"taints": [{"key": "k", "value": "v", "effect": "PreferNoSchedule"}]}
    status = {"allocatable": gives, "conditions": ready}
    return {"metadata": meta(name, labels={}), "spec": spec, "status": status}


def queue(name: str) -> Json:
    spec = {"gpuQuota": 4, "borrow": True, "weight": 1, "paused": False}
    return {"metadata": meta(name), "spec": spec, "status": {"running": 0}}


ILL = [
    pytest.param("sessions", ill_session(), id="session"),
    pytest.param("waiting", waiting_session(), id="waiting session"),
    pytest.param("jobs", job(), id="job"),
    pytest.param("pods", pod(), id="pod"),
    pytest.param("nodes", node("n2"), id="node"),
    pytest.param("queues", queue("ill"), id="queue"),
]
KEPT = ("uid", "name", "resourceVersion", "namespace")
"""What the API server itself vouches for."""

TEXTS = [
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00Z",
    "2027-01-15T08:00:00+14:00",
    "2027-01-15 08:00",
    "1e400",
    "1e-400",
    "1e999999999",
    "9" * 400,
    "1" + "0" * 60 + "Ei",
    "NaN",
    "Infinity",
    "-1",
    "-9223372036854775809",
    "1_000",
    "٣",
    "x" * 70_000,
    "1Ei",
    "\x1b[2J\r\n\u202efdp",
    '{"end": {"step": 1e400, "totalSteps": -1}, "message": "\\u202e", "lastLogLines": [[], 7]}',
]
NUMBERS = [2**31, 2**53, 2**53 + 1, 2**63, 2**64, 10**400, -(10**400), 1e18, 1e308, 5e-324]
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(TEXTS),
    st.sampled_from(NUMBERS),
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "status", "name", "kind", "x"]), inner)
    ),
    max_leaves=5,
)
poison = st.sampled_from(TEXTS) | st.sampled_from(NUMBERS) | anything
EXAMPLES = int(os.environ.get("TRAINYARD_HOSTILE_OBJECTS", "500")) // 6
"""For each kind of object."""


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of everything that may be spoilt."""
    found = [path] if path else []
    items: Any = ()
    if isinstance(value, dict):
        items = [(k, v) for k, v in value.items() if path != ("metadata",) or k not in KEPT]
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inner in items:
        found += places(inner, (*path, key))
    return [p for p in found if p != ("metadata",)]


def has(value: Any, path: tuple[Any, ...]) -> bool:
    """Whether there is such a place, after others were spoilt."""
    try:
        for key in path[:-1]:
            value = value[key]
    except (KeyError, IndexError, TypeError):
        return False
    return (isinstance(value, dict) and isinstance(path[-1], str)) or (
        isinstance(value, list) and isinstance(path[-1], int) and path[-1] < len(value)
    )


def spoilt(value: Json, path: tuple[Any, ...], by: Any) -> Json:
    """A copy with `by` in one place."""
    result = copy.deepcopy(value)
    inner: Any = result
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = by
    return result


def decided(informer: Informer) -> Decisions:
    """What is decided at once and after everything in the objects has had its time."""
    first = decide(informer.state, NOW, CONFIG)
    for seconds in (100.0, 1e5, 1e9):
        decide(informer.state, NOW + seconds, CONFIG)
    return first


def out_of_bounds(patch: PatchStatus) -> list[str]:
    """The texts that the API server would refuse, or that forge what a reader sees."""
    status = orjson.loads(orjson.dumps(patch.patch["status"]))
    failure, queue = status.get("failure") or {}, status.get("queue") or {}
    texts = [(status.get("message"), 1024), (failure.get("message"), 2048)]
    texts += [(c["message"], 1024) for c in status.get("conditions") or ()]
    texts += [
        (queue.get("message"), 1024),
        (failure.get("hint"), 1024),
        (failure.get("reason"), 128),
    ]
    texts += [(line, 512) for line in failure.get("lastLogLines") or ()]
    return [
        f"{text[:40]!r} of {len(text)} characters"
        for text, most in texts
        if text and (len(text) > most or visible(text) != text)
    ]


@pytest.mark.parametrize(("kind", "sound"), ILL)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_one_spoilt_object_stops_nobody(kind: str, sound: Json, data: st.DataObject) -> None:
    ill = sound
    for path in data.draw(st.lists(st.sampled_from(places(sound)), min_size=1, max_size=3), "at"):
        if has(ill, path):
            ill = spoilt(ill, path, data.draw(poison, "poison"))
    assert wrong_with(kind, ill) == []


VALUES = [*TEXTS, *NUMBERS, None, True, [], {}, [[]], [None], {"x": 1}, math.nan, math.inf, -1, 0]
EVERY = [
    (param.values[0], path, value)
    for param in ILL
    for path in places(dict(param.values[1]))
    for value in VALUES
]


def test_every_value_in_every_place_stops_nobody() -> None:
    """All 23 thousand with TRAINYARD_HOSTILE_OBJECTS=24000; otherwise some, evenly spread."""
    sound = {param.values[0]: param.values[1] for param in ILL}
    for kind, path, value in EVERY[:: max(1, len(EVERY) // (EXAMPLES * 6))]:
        assert wrong_with(str(kind), spoilt(sound[kind], path, value)) == []


def wrong_with(kind: str, ill: Json) -> list[str]:
    """What goes wrong with `ill` in the cluster: the honest session starts, writes have bounds."""
    informer = Informer(KubeClient(KubeConfig("http://nowhere")), CONFIG, lambda: None)
    informer.absorb("nodes", node("n1"))
    informer.absorb("queues", queue("default"))
    others = {"sessions": ill_session(), "jobs": job(), "pods": pod()}
    if kind == "waiting":
        others = {"pods": foreign_pod()}
    for whole, other in others.items():
        if whole != kind:
            informer.absorb(whole, other)
    informer.absorb("sessions" if kind == "waiting" else kind, ill)
    informer.absorb("sessions", session("honest"))

    decisions = decided(informer)

    created = {w.uid for w in decisions.writes if isinstance(w, CreateJob)}
    patches = [w for w in decisions.writes if isinstance(w, PatchStatus)]
    return [
        *(["the honest session does not start"] if "uid-honest" not in created else []),
        *(f"{name}: {error}" for name, error in decisions.undecided),
        *(found for patch in patches for found in out_of_bounds(patch)),
    ]


BROKEN = [
    pytest.param({"status": {"own": b"no JSON"}, "spec": {"datasets": ("d",)}}, id="status"),
    pytest.param({"spec": {"json": b"no JSON"}}, id="spec"),
]


@pytest.mark.parametrize("broken", BROKEN)
def test_an_error_with_one_session_concerns_no_other(broken: Json) -> None:
    """Whatever slips through the parsing."""
    state = make_state(make_session("ill", **broken), make_session("honest"))
    cache = DecisionCache.create(INSTALLATION)

    decisions = decide(state, NOW, CONFIG, cache)

    assert [w.uid for w in decisions.writes if isinstance(w, CreateJob)] == ["uid-honest"]
    assert [name for name, _ in decisions.undecided] == ["ill"]
    assert decisions.wake is not None
    assert decide(state, NOW + 1, CONFIG, cache).undecided == ()
    assert decide(state, NOW + 61, CONFIG, cache).undecided != ()
