"""Objects that make no sense, in every place, never stop the others: through the informer, the decision and the manifests."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operator_state import CONFIG, INSTALLATION, NOW

from trainyard_kube import KubeClient, KubeConfig
from trainyard_operator.core.actions import CreateJob
from trainyard_operator.core.decide import decide
from trainyard_operator.core.manifests import build_job
from trainyard_operator.informer import Informer
from trainyard_scheduler.objects.model import Session
from trainyard_scheduler.objects.parse import session as parse_session

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
        "runSeconds": 60,
        "gpuSeconds": 60,
        "queue": {"position": 1, "ahead": {"sessions": 0, "gpus": 0}, "reason": "WaitingForGPUs"},
        "progress": {
            "attempt": 1,
            "step": 7,
            "etaSeconds": 60.5,
            "lastCheckpoint": checkpoint,
            "lastHeartbeat": "2027-01-15T07:59:00Z",
            "lastStepTime": "2027-01-15T07:59:00Z",
        },
        "metrics": [{"name": "loss", "value": "0.5"}],
        "dataset": {"name": "d", "state": "Found", "file": "d.csv", "format": "csv"},
        "model": {"name": "m", "version": 1},
        "failure": {"class": "ProgramError", "attempt": 1, "lastLogLines": ["x"]},
        "conditions": [{"type": "Running", "status": "True", "reason": "PodsRunning"}],
    }
    owners = [{"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "x", "controller": True}]
    found = session("ill") | {"status": status}
    found["metadata"] |= {"ownerReferences": owners, "finalizers": ["example.com/never"]}
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
    pytest.param("jobs", job(), id="job"),
    pytest.param("pods", pod(), id="pod"),
    pytest.param("nodes", node("n2"), id="node"),
    pytest.param("queues", queue("ill"), id="queue"),
]
KEPT = ("uid", "name", "resourceVersion", "namespace")
"""What the API server itself vouches for."""

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "1e400", "-1", "٣", "x" * 70_000, "1Ei"]
    ),
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "status", "name", "kind", "x"]), inner)
    ),
    max_leaves=5,
)


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


def spoilt(value: Json, path: tuple[Any, ...], by: Any) -> Json:
    """A copy with `by` in one place."""
    result = copy.deepcopy(value)
    inner: Any = result
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = by
    return result


@pytest.mark.parametrize(("kind", "sound"), ILL)
@settings(max_examples=300)
@given(data=st.data())
def test_one_spoilt_object_stops_nobody(kind: str, sound: Json, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(places(sound)), "place")
    ill = spoilt(sound, path, data.draw(anything, "poison"))
    informer = Informer(KubeClient(KubeConfig("http://nowhere")), CONFIG, lambda: None)
    informer.absorb("nodes", node("n1"))
    informer.absorb("queues", queue("default"))
    for whole, other in (("sessions", ill_session()), ("jobs", job()), ("pods", pod())):
        if whole != kind:
            informer.absorb(whole, other)
    informer.absorb(kind, ill)
    informer.absorb("sessions", session("honest"))

    decisions = decide(informer.state, NOW, CONFIG)

    created = {w.uid for w in decisions.writes if isinstance(w, CreateJob)}
    assert "uid-honest" in created
