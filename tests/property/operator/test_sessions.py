"""The plan's properties of sessions and their queue, on the real operator, a real API server and simulated nodes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from operator_lab import GPU, Lab, Witness, laboratory, unique
from poll import eventually

pytestmark = pytest.mark.integration

CAPACITY = 4

# Shrinking an example that fails by a time-out would take a time-out for every step.
on_a_cluster = settings(max_examples=100, phases=[Phase.explicit, Phase.reuse, Phase.generate])


@pytest.fixture(scope="module")
def lab(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with laboratory(kubeconfig, tmp_path_factory.mktemp("operator"), (CAPACITY,)) as found:
        yield found


@pytest.fixture(scope="module")
def wide(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with laboratory(kubeconfig, tmp_path_factory.mktemp("operator"), (64, 64)) as found:
        yield found


optional = {
    "epochs": st.integers(1, 100_000),
    "batchSize": st.integers(1, 65_536),
    "learningRate": st.floats(1e-6, 10, allow_nan=False),
    "optimizer": st.sampled_from(["adam", "adamw", "sgd", "rmsprop"]),
    "weightDecay": st.floats(0, 1, allow_nan=False),
    "precision": st.sampled_from(["fp32", "bf16", "fp16"]),
    "seed": st.integers(0, 4_294_967_295),
    "checkpointEvery": st.one_of(
        st.fixed_dictionaries({"epochs": st.integers(1, 100)}),
        st.fixed_dictionaries({"seconds": st.integers(1, 86_400)}),
    ),
}
trainings = st.fixed_dictionaries(
    {
        "task": st.sampled_from(
            [
                "tabular-classification",
                "tabular-regression",
                "image-classification",
                "language-modeling",
            ]
        )
    },
    optional=optional,
)
resources = st.fixed_dictionaries(
    {
        "gpus": st.integers(0, 8),
        "cpu": st.sampled_from(["250m", "1", "1.5", "2"]),
        "memory": st.sampled_from(["256Mi", "1Gi", "1500M", "2147483648"]),
    }
)


@on_a_cluster
@given(training=trainings, asked=resources, priority=st.integers(-1000, 1000))
def test_property_01_a_valid_training_configuration_creates_a_session(
    wide: Lab, training: dict[str, Any], asked: dict[str, Any], priority: int
) -> None:
    name = unique("p1")
    spec = {"training": training, "dataset": "d", "resources": asked, "priority": priority}
    uid = wide.create(name, spec)["metadata"]["uid"]
    found = {"state": "Found", "name": "d", "file": "1/d.csv", "format": "csv"}
    wide.patch_status(name, {"dataset": {**found, "sha256": "0" * 64}})
    status = wide.wait_phase(name, "Starting", "Running")
    job = wide.batch.read_namespaced_job(status["jobName"], wide.namespace)
    assert job.metadata.owner_references[0].uid == uid
    container = job.spec.template.spec.containers[0]
    run = json.loads({e.name: e.value for e in container.env}["TRAINYARD_RUN"])
    assert {k: run["training"][k] for k in training} == training
    assert int((container.resources.limits or {}).get(GPU, 0)) == asked["gpus"]
    wide.delete(name)


progress = st.fixed_dictionaries(
    {
        "step": st.integers(0, 10**9),
        "percent": st.floats(0, 100, allow_nan=False),
        "lastCheckpoint": st.fixed_dictionaries({"step": st.integers(0, 10**9)}),
    }
)
metrics = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["loss", "val/accuracy"]),
            "value": st.sampled_from(["0.5", "NaN"]),
        }
    ),
    max_size=2,
    unique_by=lambda metric: metric["name"],
)


@on_a_cluster
@given(progress=progress, metrics=metrics)
def test_property_02_stopping_an_active_session_preserves_its_state(
    wide: Lab, progress: dict[str, Any], metrics: list[dict[str, str]]
) -> None:
    name = unique("p2")
    wide.create(name, {"command": ["run"], "resources": {"gpus": 1}})
    running = wide.wait_phase(name, "Running")
    wide.patch_status(name, {"progress": progress, "metrics": metrics})
    wide.patch(name, desiredState="Stopped")
    status = wide.wait_phase(name, "Stopped")
    assert status["progress"] == progress
    assert status["metrics"] == metrics
    for kept in ("attempt", "startTime", "queuedTime", "jobName"):
        assert status[kept] == running[kept]
    assert status["completionTime"] >= status["startTime"]
    wide.delete(name)


ends = st.sampled_from(
    [
        ("run", None, "Running"),
        ("sleep", "0.1", "Succeeded"),
        ("exit", "1", "Failed"),
        ("exit", "64", "Failed"),
        ("exit", "70", "Failed"),
    ]
)


@on_a_cluster
@given(end=ends, gpus=st.integers(0, 4))
def test_property_03_session_status_reflects_the_actual_state(
    wide: Lab, end: tuple[str, str | None, str], gpus: int
) -> None:
    name = unique("p3")
    command = [word for word in end[:2] if word is not None]
    retry = {"limit": 0}
    wide.create(name, {"command": command, "resources": {"gpus": gpus}, "retry": retry})
    status = wide.wait_phase(name, end[2])
    truth = {c["type"]: c["status"] for c in status["conditions"]}
    pods = [p for p in wide.pods() if p.metadata.labels.get("trainyard.io/session") == name]
    assert {p.status.phase for p in pods} == {end[2]}
    assert truth["Running"] == str(end[2] == "Running")
    assert truth.get("Complete", "False") == str(end[2] == "Succeeded")
    assert truth.get("Failed", "False") == str(end[2] == "Failed")
    if end[2] == "Failed":
        assert status["failure"]["exitCode"] == int(command[1])
    wide.delete(name)


@on_a_cluster
@given(sizes=st.lists(st.integers(0, CAPACITY), min_size=2, max_size=5))
def test_property_33_concurrent_sessions_run_when_resources_allow(
    wide: Lab, sizes: list[int]
) -> None:
    names = [unique("p33") for _ in sizes]
    for name, gpus in zip(names, sizes, strict=True):
        wide.create(name, {"command": ["run"], "resources": {"gpus": gpus}})
    eventually(
        lambda: set(wide.phases(names)) == {"Running"},
        within=60,
        every=0.05,
        what="all running at once",
    )
    assert wide.phases(names) == ["Running"] * len(names)
    for name in names:
        wide.delete(name)


sizes = st.lists(st.integers(1, CAPACITY), min_size=2, max_size=4).filter(
    lambda chosen: sum(chosen) > CAPACITY
)


@on_a_cluster
@given(sizes=sizes)
def test_property_34_requests_are_queued_when_capacity_is_full(lab: Lab, sizes: list[int]) -> None:
    names = [unique("p34") for _ in sizes]
    for name, gpus in zip(names, sizes, strict=True):
        lab.create(name, {"command": ["run"], "resources": {"gpus": gpus}})

    def settled() -> bool:
        found = lab.sessions()
        statuses = [found[n].get("status", {}) for n in names]
        running = [g for g, s in zip(sizes, statuses, strict=True) if s.get("phase") == "Running"]
        waiting = [
            (g, s) for g, s in zip(sizes, statuses, strict=True) if s.get("phase") == "Queued"
        ]
        assert len(running) + len(waiting) == len(names), statuses
        assert waiting
        assert sum(running) <= CAPACITY
        # The one that is next really does not fit, and every one knows its place and the reason.
        assert sum(running) + waiting[0][0] > CAPACITY, statuses
        assert [s["queue"]["position"] for _, s in waiting] == list(range(1, len(waiting) + 1))
        assert all(s["queue"]["reason"] for _, s in waiting)
        return True

    eventually(settled, within=60, every=0.05, what="the rest queued")
    lab.delete_all()


@on_a_cluster
@given(sizes=st.lists(st.integers(1, CAPACITY), min_size=2, max_size=4))
def test_property_36_the_queue_goes_on_by_itself_on_completion(lab: Lab, sizes: list[int]) -> None:
    names = [unique("p36") for _ in sizes]
    for name, gpus in zip(names, sizes, strict=True):
        lab.create(name, {"command": ["sleep", "0.05"], "resources": {"gpus": gpus}})

    def drained() -> bool:
        ended = {
            p.metadata.labels["trainyard.io/session"]
            for p in lab.pods()
            if p.status.phase == "Succeeded"
        }
        return set(names) <= ended

    eventually(drained, within=60, every=0.05, what="every session had its turn")
    # The operator creates Jobs first; a status may follow a moment later.
    ended = [lab.wait_phase(name, "Succeeded") for name in names]
    assert [status["attempt"] for status in ended] == [1] * len(names)
    lab.delete_all()


def test_capacity_is_never_exceeded_at_any_event(lab: Lab) -> None:
    """The same, with an independent witness of every single event."""
    with Witness(lab) as witness:
        names = [unique("w") for _ in range(24)]
        for i, name in enumerate(names):
            lab.create(name, {"command": ["sleep", "0.1"], "resources": {"gpus": 1 + i % 3}})
        for name in names:
            lab.wait_phase(name, "Succeeded", within=60)
    assert witness.violations == []
    assert max(witness.highest.values()) <= CAPACITY
    lab.delete_all()
