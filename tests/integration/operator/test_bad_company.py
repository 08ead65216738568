"""Poisonous sessions on a real API server: whatever it lets in, honest ones beside them run to their end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from kubernetes import client
from operator_lab import GROUP, SESSIONS, VERSION, Lab, laboratory, unique
from poll import eventually

pytestmark = pytest.mark.integration

STRANGE_TIMES = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-01-01T00:00:00+14:00"]
HUGE = 2**63 - 1


@pytest.fixture(scope="module")
def lab(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with laboratory(kubeconfig, tmp_path_factory.mktemp("operator"), (64, 64)) as found:
        yield found


def body(name: str, spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "TrainingSession",
        "metadata": {"name": name, **metadata},
        "spec": spec,
    }


def apply(lab: Lab, manifest: dict[str, Any]) -> None:
    lab.custom.create_namespaced_custom_object(GROUP, VERSION, lab.namespace, SESSIONS, manifest)


def forge(lab: Lab, name: str, status: dict[str, Any]) -> None:
    """Write a status, unless the schema refuses it or the object is gone."""
    with suppress(client.ApiException):
        lab.patch_status(name, status)


def remove(lab: Lab, name: str) -> None:
    """Delete a session in spite of its finalizers."""
    with suppress(client.ApiException):
        lab.custom.patch_namespaced_custom_object(
            GROUP, VERSION, lab.namespace, SESSIONS, name, {"metadata": {"finalizers": None}}
        )
        lab.delete(name)


def honest(lab: Lab) -> None:
    """A session that has done nothing wrong."""
    name = unique("honest")
    lab.create(name, {"command": ["sleep", "0.05"], "resources": {"gpus": 1}})
    lab.wait_phase(name, "Succeeded", within=60)
    lab.delete(name)
    assert lab.process is not None
    assert lab.process.poll() is None


times = st.sampled_from(STRANGE_TIMES)
counts = st.sampled_from([0, 1, 7, 2**31, HUGE])
statuses = st.fixed_dictionaries(
    {},
    optional={
        "phase": st.sampled_from(
            ["Queued", "Starting", "Running", "Suspending", "Stopping", "Suspended", "Failed"]
        ),
        "attempt": counts,
        "failures": counts,
        "preemptions": counts,
        "runSeconds": counts,
        "gpuSeconds": counts,
        "observedGeneration": counts,
        "queuedTime": times,
        "retryTime": times,
        "startTime": times,
        "attemptStartTime": times,
        "attemptAllocatedTime": times,
        "allocations": st.just([{"number": -1, "endTime": STRANGE_TIMES[0], "outcome": "x"}] * 32),
        "completionTime": times,
        "jobName": st.sampled_from(["x", "x" * 63]),
        "message": st.just("x" * 1024),
        "queue": st.just({"position": -1, "ahead": {"sessions": -5, "gpus": -5}, "reason": "x"}),
        "progress": st.fixed_dictionaries(
            {"step": counts, "etaSeconds": st.sampled_from([0, -1, 1e300])},
            optional={"lastHeartbeat": times, "lastCheckpoint": st.just({"step": 1})},
        ),
        "dataset": st.just({"state": "Found", "name": "../../etc", "file": "../../etc/passwd"}),
        "failure": st.just({"class": "Stalled", "attempt": 1, "reason": "x", "message": "x"}),
        "conditions": st.just(
            [
                {
                    "type": "Complete",
                    "status": "True",
                    "reason": "x",
                    "lastTransitionTime": STRANGE_TIMES[0],
                }
            ]
        ),
    },
)
specs = st.fixed_dictionaries(
    {"command": st.sampled_from([["run"], ["x" * 4096] * 10, ["exit", "1"], ["\0\n\u202e"]])},
    optional={
        "resources": st.sampled_from(
            [
                {"gpus": 0, "cpu": "10k", "memory": "1Ei"},
                {"gpus": 64, "sharedMemory": "1Ei"},
                {"gpus": 1, "cpu": "1n", "memory": "16Mi"},
            ]
        ),
        "workers": st.sampled_from([1, 2, 64]),
        "runtime": st.sampled_from(["default", "x" * 63]),
        "queue": st.sampled_from(["default", "x" * 63]),
        "priority": st.sampled_from([-1000, 0, 999]),
        "desiredState": st.sampled_from(["Running", "Suspended", "Stopped"]),
        "resumeFrom": st.just({"session": "poison", "checkpoint": "-"}),
        "retry": st.just({"limit": 20, "backoffSeconds": 0}),
        "maxRuntimeSeconds": st.sampled_from([1, 31_536_000]),
        "ttlSecondsAfterFinished": st.just(0),
    },
)
absent = "11111111-2222-3333-4444-555555555555"
metadata = st.fixed_dictionaries(
    {},
    optional={
        "annotations": st.sampled_from(
            [
                {"kopf.zalando.org/last-handled-configuration": "{" * 200_000},
                {"trainyard.io/nodes": "n1,n2", "trainyard.io/backfilled": "true"},
            ]
        ),
        "labels": st.sampled_from(
            [
                {"trainyard.io/user": "x" * 63, "trainyard.io/attempt": "999999999"},
                {"trainyard.io/session-uid": absent, "app.kubernetes.io/managed-by": "trainyard"},
            ]
        ),
        "ownerReferences": st.sampled_from(
            [
                [{"apiVersion": "v1", "kind": "Node", "name": "gone", "uid": absent}],
                [
                    {
                        "apiVersion": "batch/v1",
                        "kind": "Job",
                        "name": "gone",
                        "uid": absent,
                        "controller": True,
                        "blockOwnerDeletion": True,
                    }
                ],
            ]
        ),
        "finalizers": st.just(["example.com/never"]),
    },
)


poison = st.tuples(specs, statuses, metadata, st.booleans())


@settings(max_examples=25, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(poisons=st.lists(poison, min_size=4, max_size=4))
def test_poisonous_sessions_stop_absent(
    lab: Lab, poisons: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any], bool]]
) -> None:
    """A hundred of them, four at a time."""
    for spec, status, extra, delete in poisons:
        name = unique("poison")
        with suppress(client.ApiException):
            apply(lab, body(name, spec, **extra))
        forge(lab, name, status)
        if delete:
            with suppress(client.ApiException):
                lab.delete(name)
    honest(lab)
    assert lab.ready()
    for name in lab.sessions():
        remove(lab, name)


@pytest.fixture(autouse=True)
def clean(lab: Lab) -> Iterator[None]:
    yield
    for name in lab.sessions():
        remove(lab, name)


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        pytest.param({"name": "x" * 253}, "at most 48 characters", id="longest name"),
        pytest.param(
            {"annotations": {"x": "y" * 300_000}},
            "may not be more than 262144 bytes",
            id="annotations",
        ),
    ],
)
def test_what_the_api_server_keeps_out(lab: Lab, metadata: dict[str, Any], words: str) -> None:
    with pytest.raises(client.ApiException) as caught:
        apply(lab, body("x", {"command": ["run"]}) | {"metadata": {"name": "x", **metadata}})
    assert words in str(caught.value.body)


def test_unknown_fields_are_not_kept(lab: Lab) -> None:
    name = unique("unknown")
    spec = {"command": ["sleep", "0.05"], "podSpec": {"hostNetwork": True}, "priorty": 5}
    apply(lab, body(name, spec))
    assert {"podSpec", "priorty"}.isdisjoint(lab.get(name)["spec"])
    lab.wait_phase(name, "Succeeded")


def test_one_that_cannot_be_deleted_gives_its_gpus_back(lab: Lab) -> None:
    name = unique("clings")
    spec = {"command": ["run"], "resources": {"gpus": 64}, "workers": 2}
    apply(lab, body(name, spec, finalizers=["example.com/never"]))
    lab.wait_phase(name, "Running")
    lab.delete(name)
    honest(lab)
    eventually(lambda: not lab.live_pods(), what="pods gone")
    remove(lab, name)
    eventually(lambda: name not in lab.sessions(), what="session gone")
    assert lab.live_pods() == []


def test_sessions_that_resume_from_each_other_start_like_others(lab: Lab) -> None:
    first, second, alone = unique("hen"), unique("egg"), unique("self")
    sources = {first: second, second: first, alone: alone}
    for name, source in sources.items():
        apply(lab, body(name, {"command": ["run"], "resumeFrom": {"session": source}}))
    honest(lab)
    # Each source is there, whether or not it has a checkpoint; the trainer looks for that.
    attempts = [lab.wait_phase(name, "Running")["attempt"] for name in sources]
    assert attempts == [1, 1, 1]


def test_after_all_that_the_operator_is_well(lab: Lab) -> None:
    assert lab.ready()
    assert lab.scrape()["trainyard_operator_objects_unparsable"] == 0
