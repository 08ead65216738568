"""JSON of the API server → typed objects. An object that makes no sense affects no other."""

# ruff: noqa: E501  # one case of a table is one line

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from operator_state import CONFIG, INSTALLATION, make_session

from trainyard_api import names
from trainyard_api.phase import Phase
from trainyard_api.quantity import quantity
from trainyard_operator.core.manifests import build_job
from trainyard_scheduler.objects import parse
from trainyard_scheduler.objects.model import InvalidSession, Session
from trainyard_scheduler.objects.pods import pod_requests

META = {"name": "s", "uid": "u", "resourceVersion": "5", "generation": 2}
SPEC = {"command": ["run"]}


def raw(spec: Any = SPEC, status: Any = None, **meta: Any) -> dict[str, Any]:
    return {"metadata": {**META, **meta}, "spec": spec, "status": status}


def session(*args: Any, **kwargs: Any) -> Session:
    found = parse.session(raw(*args, **kwargs), INSTALLATION)
    assert isinstance(found, Session)
    return found


def test_a_session() -> None:
    found = session(
        {**SPEC, "priority": 3, "workers": 2, "resources": {"gpus": 2, "cpu": "1500m"}},
        {"phase": "Running", "attempt": 2, "queuedTime": "2026-01-01T00:00:00.000005Z"},
        labels={"trainyard.io/user": "ada"},
    )
    assert found.spec.shape.worker == (1, 1500, 2 * 2**30, 2, 0)
    assert (found.spec.priority, found.spec.shape.workers, found.user) == (3, 2, "ada")
    assert (found.status.phase, found.status.attempt) == (Phase.RUNNING, 2)
    assert found.status.queued == 1767225600.000005


def test_a_session_takes_little_memory() -> None:
    """Tens of thousands may wait."""
    bodies = [raw({"command": ["run", str(i)]}, {"phase": "Queued"}) for i in range(100)]
    parse.session(bodies[0], INSTALLATION)
    tracemalloc.start()
    try:
        found = [parse.session(body, INSTALLATION) for body in bodies]
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert taken / len(found) < 2500


POISON = [
    pytest.param(None, id="nothing"),
    pytest.param([], id="a-list"),
    pytest.param({}, id="neither-training-nor-command"),
    pytest.param({**SPEC, "unknown": 1}, id="unknown-field"),
    pytest.param({"command": "x" * 10_000_000}, id="huge"),
    pytest.param({**SPEC, "resources": {"gpus": -1}}, id="negative"),
    pytest.param({**SPEC, "resources": {"memory": "lots"}}, id="quantity"),
    pytest.param({**SPEC, "priority": float("nan")}, id="nan"),
]


@pytest.mark.parametrize("spec", POISON)
def test_a_spec_that_makes_no_sense(spec: Any) -> None:
    found = parse.session(raw(spec), INSTALLATION)
    assert isinstance(found, InvalidSession)
    assert found.why.startswith("spec.")
    assert len(found.why) < 5000


FORGED = [
    pytest.param("x", id="text"),
    pytest.param({"phase": "Dancing"}, id="phase"),
    pytest.param({"attempt": -3}, id="negative"),
    pytest.param({"attempt": True}, id="bool"),
    pytest.param({"queuedTime": "yesterday"}, id="time"),
    pytest.param({"queuedTime": "2026-01-01T00:00:00"}, id="no-zone"),
    pytest.param({"progress": [], "dataset": 7, "failure": "x"}, id="types"),
    pytest.param({"conditions": [1, {}]}, id="conditions"),
]


@pytest.mark.parametrize("status", FORGED)
def test_a_status_that_makes_no_sense_counts_as_absent(status: Any) -> None:
    status = session(SPEC, status).status
    assert (status.phase, status.attempt, status.queued) == (None, 0, None)


AT = {"state": "Found", "name": "d", "file": "1/d", "format": "csv", "sha256": "0"}


@pytest.mark.parametrize(
    ("dataset", "state"),
    [
        ({"state": "Found", "name": "d", "file": "1/d", "format": "csv", "sha256": "0"}, "Found"),
        ({"state": "Found", "name": "d"}, ""),
        ({"state": "Found", "name": "d", "file": -1, "format": "csv", "sha256": "0"}, ""),
        ({**AT, "file": "1/../../gateway/trainyard.db"}, ""),
        ({**AT, "file": "../gateway"}, ""),
        ({**AT, "file": "1"}, ""),
        ({**AT, "schema": "2/schema-1.json"}, ""),
        ({**AT, "schema": "1/schema-1.json"}, "Found"),
        ({"state": "NotFound", "name": "d"}, "NotFound"),
        ({"state": 7, "name": "d"}, ""),
    ],
    ids=[
        "found",
        "without-its-file",
        "file-of-another-type",
        "a-path-that-leads-out",
        "a-folder-that-leads-out",
        "no-folder-of-its-own",
        "a-schema-in-another-folder",
        "with-its-schema",
        "not-found",
        "state-of-another-type",
    ],
)
def test_a_dataset_counts_as_found_only_with_its_file(dataset: Any, state: str) -> None:
    """Otherwise its session would be admitted, and no Job could be made for it."""
    assert dict(session(SPEC, {"dataset": dataset}).status.dataset_states)["d"] == state
    several = session(SPEC, {"datasets": [{**AT, "name": "e"}, dataset]}).status.dataset_states
    assert dict(several) == {"": "", "e": "Found", "d": state}


def test_a_spec_that_did_not_change_is_not_parsed_again() -> None:
    first = session()
    again = parse.session(raw({"broken": True}), INSTALLATION, first)
    assert isinstance(again, Session)
    assert again.spec is first.spec


def test_our_own_job_is_understood_and_others_are_not() -> None:
    subject = make_session("s")
    body = build_job(subject, 3, ("n1",), CONFIG, backfilled=True)
    body["metadata"] |= {"uid": "j", "resourceVersion": "8"}
    found = parse.job(body, INSTALLATION)
    assert found is not None
    assert (found.session_uid, found.attempt, found.nodes) == (subject.uid, 3, ("n1",))
    assert (found.backfilled, found.worker) == (True, subject.spec.shape.worker)
    body["metadata"]["name"] = "other"
    assert parse.job(body, INSTALLATION) is None
    body["metadata"] |= {"name": names.job_name("s", subject.uid, 3), "ownerReferences": []}
    assert parse.job(body, INSTALLATION) is None


def test_a_pod_with_forged_labels_is_no_worker_but_holds_its_node() -> None:
    labels = {"app.kubernetes.io/managed-by": "trainyard", "trainyard.io/session-uid": "u"}
    container = {"resources": {"limits": {"nvidia.com/gpu": "1"}, "requests": {"cpu": "1"}}}
    found = parse.pod(
        {
            "metadata": {"name": "p", "uid": "p", "labels": labels},
            "spec": {"nodeName": "n1", "containers": [container]},
            "status": {"phase": "Running"},
        },
        INSTALLATION,
    )
    assert (found.session_uid, found.node, found.requests) == ("", "n1", (1, 1000, 0, 1, 0))


SETUPS = [
    pytest.param([], ("", ""), id="none"),
    pytest.param([{"state": {"waiting": {"reason": "PodInitializing"}}}], ("", ""), id="starting"),
    pytest.param([{"state": {"running": {}}}], ("", ""), id="running"),
    pytest.param([{"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}], ("", ""), id="done"),
    pytest.param([{"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}], ("ImagePullBackOff", "no such image"), id="no-image"),
    pytest.param([{"state": {"terminated": {"exitCode": 1, "reason": "Error", "message": "no space"}}}], ("Error", "no space"), id="failed"),
    pytest.param([{"state": {"terminated": {"exitCode": 137}}}], ("Error", "exit code 137"), id="killed"),
    pytest.param([{"state": {"terminated": "x"}}, 7], ("", ""), id="nonsense"),
]  # fmt: skip


@pytest.mark.parametrize(("init", "expected"), SETUPS)
def test_what_keeps_a_pod_from_being_prepared(init: Any, expected: tuple[str, str]) -> None:
    labels = {"app.kubernetes.io/managed-by": "trainyard", "trainyard.io/session-uid": "u"}
    waiting = {"state": {"waiting": {"reason": "PodInitializing"}}}
    found = parse.pod(
        {
            "metadata": {
                "name": "p",
                "uid": "p",
                "labels": labels,
                "ownerReferences": [{"kind": "Job", "controller": True, "uid": "j"}],
            },
            "spec": {"containers": [{}]},
            "status": {"containerStatuses": [waiting], "initContainerStatuses": init},
        },
        INSTALLATION,
    )
    assert (found.setup_reason, found.setup_message) == expected
    assert found.waiting_reason == "PodInitializing"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param({}, "", id="no-status"),
        pytest.param({"phase": "Pending", "conditions": [{"type": "Accepted", "reason": "SecretNotReleased", "message": "hub"}]}, "hub", id="held"),
        pytest.param({"phase": "Queued", "conditions": [{"type": "Accepted", "reason": "SecretNotReleased", "message": "hub"}]}, "", id="not-held-any-more"),
        pytest.param({"phase": "Pending", "conditions": [{"type": "Accepted", "reason": "NeverFits", "message": "x"}]}, "", id="another-reason"),
        pytest.param({"phase": "Pending", "conditions": [7, {"type": "Accepted"}]}, "", id="nonsense"),
    ],
)  # fmt: skip
def test_which_secret_a_session_waits_for(status: Any, expected: str) -> None:
    assert session(status=status).status.unreleased == expected


def test_a_node_that_makes_no_sense() -> None:
    with pytest.raises(parse.UnparsableObject, match="n9"):
        parse.node(
            {"metadata": {"name": "n9"}, "status": {"allocatable": {"cpu": "?"}}}, INSTALLATION
        )


REQUESTS = [
    pytest.param({"containers": [{}, {}]}, (1, 0, 0, 0, 0), id="nothing"),
    pytest.param({"containers": [{"cpu": "1"}, {"cpu": "500m"}]}, (1, 1500, 0, 0, 0), id="sum"),
    pytest.param({"containers": [{"cpu": "1"}], "initContainers": [{"cpu": "3"}]}, (1, 3000, 0, 0, 0), id="init"),
    pytest.param({"containers": [{"cpu": "1"}], "sidecars": [{"cpu": "1"}], "initContainers": [{"cpu": "3"}]}, (1, 4000, 0, 0, 0), id="sidecar"),
    pytest.param({"containers": [{"memory": "1Gi"}], "overhead": {"memory": "1Mi"}}, (1, 0, 2**30 + 2**20, 0, 0), id="overhead"),
]  # fmt: skip


@pytest.mark.parametrize(("pod", "expected"), REQUESTS)
def test_requests_count_as_kube_scheduler_counts(pod: dict[str, Any], expected: Any) -> None:
    def containers(key: str, **more: str) -> list[dict[str, Any]]:
        return [{"resources": {"requests": r}, **more} for r in pod.get(key, ())]

    spec = {
        "containers": containers("containers"),
        "initContainers": containers("sidecars", restartPolicy="Always")
        + containers("initContainers"),
        "overhead": pod.get("overhead"),
    }
    assert pod_requests({"spec": spec}, INSTALLATION.gpu_resources) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("1500m", 1.5), ("24581692Ki", 24581692 * 1024), ("1e3", 1000), ("1k", 1000), ("2E", 2e18)],
)  # fmt: skip
def test_quantities(text: str, value: float) -> None:
    assert quantity(text) == value


@pytest.mark.parametrize("text", ["", "x", "1KiB", "--1"])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="quantity"):
        quantity(text)
