"""What goes wrong with real trainer pods is explained in the status, soon and in people's words; who gives way goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cluster import unique
from eviction import evict
from installation import Installation, installed
from operator_lab import laboratory
from poll import eventually

from trainyard.client import Client
from trainyard_demo.data import write_digits

pytestmark = pytest.mark.e2e

SMALL = {"gpus": 0, "cpu": "100m", "memory": "128Mi"}
DELAY_SECONDS = 10
"""From the kubelet's report to the diagnosis, at most."""


@pytest.fixture(scope="module")
def release(kubeconfig: Path) -> Iterator[Installation]:
    """An installation whose sessions may be preempted soon, with a runtime that no registry has."""
    values = {
        "operator.minimumRunSeconds": 1,
        "operator.startTimeoutSeconds": 60,
        "runtimes.absent": {"image": "registry.invalid/trainyard/none:1"},
    }
    with installed(kubeconfig, **values) as found:
        yield found


@pytest.fixture(scope="module")
def people(release: Installation) -> Iterator[Client]:
    with release.client() as client:
        yield client


@pytest.fixture(scope="module")
def digits(people: Client, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = write_digits(tmp_path_factory.mktemp("digits"))
    people.upload_dataset("digits", path)
    return path


def create(release: Installation, prefix: str, **spec: Any) -> str:
    """Apply a session with kubectl; without retries unless `spec` says otherwise."""
    name = unique(prefix)
    manifest = {
        "apiVersion": "trainyard.io/v1alpha1",
        "kind": "TrainingSession",
        "metadata": {"name": name},
        "spec": {"resources": SMALL, "retry": {"limit": 0}, **spec},
    }
    release.kubectl("apply", "-f", "-", manifest=manifest)
    return name


def python(*lines: str) -> list[str]:
    return ["python", "-c", "\n".join(lines)]


def status(release: Installation, name: str) -> dict[str, Any]:
    return dict(release.get("ts", name).get("status") or {})


def reached(release: Installation, name: str, *phases: str, within: float = 120) -> dict[str, Any]:
    def check() -> dict[str, Any] | None:
        found = status(release, name)
        assert found.get("phase") in phases, found
        return found

    return eventually(check, within=within, every=0.3, what=f"{name} {'/'.join(phases)}")


def failed(release: Installation, name: str, within: float = 120) -> dict[str, Any]:
    """The failure of a session that ends with one."""
    failure: dict[str, Any] = reached(release, name, "Failed", within=within)["failure"]
    assert failure["hint"]
    return failure


def pod_of(release: Installation, name: str) -> dict[str, Any]:
    [pod] = release.items("pods", f"trainyard.io/session={name}")
    return pod


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def assert_told_soon(release: Installation, name: str, failure: dict[str, Any]) -> None:
    ended = pod_of(release, name)["status"]["containerStatuses"][0]["state"]["terminated"]
    assert seconds(failure["time"]) - seconds(ended["finishedAt"]) <= DELAY_SECONDS


def test_out_of_memory(release: Installation) -> None:
    name = create(release, "oom", command=python("x = [b'x' * 2**20 for _ in range(4096)]"))
    failure = failed(release, name)
    assert (failure["class"], failure["exitCode"]) == ("OutOfMemory", 69)
    assert failure["reason"] == "OOMKilled"
    assert "resources.memory" in failure["hint"]
    assert_told_soon(release, name, failure)


def test_a_crash_shows_its_last_lines(release: Installation) -> None:
    program = python("print('step 41')", "raise ValueError('the shape is wrong')")
    name = create(release, "crash", command=program)
    failure = failed(release, name)
    assert (failure["class"], failure["exitCode"]) == ("ProgramError", 1)
    assert failure["lastLogLines"][-1] == "ValueError: the shape is wrong"
    assert any("step 41" in line for line in failure["lastLogLines"])
    assert_told_soon(release, name, failure)


def test_a_program_that_is_not_there(release: Installation) -> None:
    failure = failed(release, create(release, "typo", command=["pyhton", "train.py"]))
    assert failure["class"] == "ContainerConfig"
    assert "pyhton" in failure["message"]


def test_an_image_that_nobody_has(release: Installation) -> None:
    """The kubelet may try for startTimeoutSeconds: a registry may come back.

    What the node's resolver says of a name that nobody has decides which class it is.
    """
    name = create(release, "image", command=["x"], runtime="absent")

    def told() -> dict[str, Any]:
        found = status(release, name)
        failure: dict[str, Any] = found.get("failure") or {}
        assert failure.get("class") in ("ImageUnavailable", "RegistryUnavailable"), found
        return failure

    failure = eventually(told, within=300, every=0.3, what="the image's failure")
    assert "registry.invalid/trainyard/none:1" in failure["message"]
    assert failure["hint"]
    if failure["class"] == "ImageUnavailable":
        failed(release, name)
    else:
        found = reached(release, name, "Pending", "Queued", "Starting")
        assert found.get("failures", 0) == 0


def test_a_dataset_whose_file_is_gone(
    release: Installation, people: Client, tmp_path: Path
) -> None:
    dataset = unique("gone")
    people.upload_dataset(dataset, write_digits(tmp_path))
    training = {"task": "tabular-classification", "epochs": 1}
    resources = SMALL | {"cpu": "500m", "memory": "768Mi"}
    name = create(
        release,
        "dataset",
        training=training,
        dataset=dataset,
        resources=resources,
        desiredState="Suspended",
    )
    reached(release, name, "Suspended")
    found = eventually(lambda: status(release, name).get("dataset", {}).get("file"), what="dataset")
    remove = f"import pathlib; [p.unlink() for p in pathlib.Path('/data').rglob('*/{found}')]"
    release.kubectl("exec", "deploy/ty-gateway", "--", "python", "-c", remove)
    release.kubectl(
        "patch", "ts", name, "--type=merge", "-p", '{"spec":{"desiredState":"Running"}}'
    )
    failure = failed(release, name)
    assert (failure["class"], failure["exitCode"]) == ("DatasetMissing", 66)
    assert "not on the volume" in failure["message"]
    assert_told_soon(release, name, failure)


def test_a_program_that_hangs(release: Installation) -> None:
    program = python(
        "import signal, sys, time",
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))",
        "print('waiting for a lock', flush=True)",
        "time.sleep(3600)",
    )
    name = create(release, "hang", command=program, stallTimeoutSeconds=30)
    reached(release, name, "Running")
    failure = failed(release, name, within=90)
    assert failure["class"] == "Stalled"
    assert "30 s" in failure["message"]


def test_a_node_that_goes_away(kubeconfig: Path, tmp_path: Path) -> None:
    """A simulated one, as the real one is needed. Kubernetes takes about a minute until it gives its pods up."""
    with laboratory(kubeconfig, tmp_path, (1, 1)) as lab:
        name = unique("node")
        retry = {"limit": 1, "backoffSeconds": 1}
        lab.create(name, {"command": ["run"], "resources": {"gpus": 1}, "retry": retry})
        lab.wait_phase(name, "Running")
        lost = lab.live_pods()[0].spec.node_name
        lab.core.delete_node(lost)
        failure = eventually(
            lambda: lab.status(name).get("failure"), within=150, every=0.2, what="the diagnosis"
        )
        assert failure["class"] == "NodeLost"
        assert failure["hint"]
        eventually(lambda: lab.status(name).get("attempt") == 2, what="second attempt")
        lab.wait_phase(name, "Running")
        assert {pod.spec.node_name for pod in lab.live_pods()} == set(lab.nodes) - {lost}


def test_who_makes_room_goes_on_from_the_checkpoint(
    release: Installation, people: Client, digits: Path
) -> None:
    """The third of the plan's stories: a training gives way, comes back, and loses no step."""
    training = {
        "task": "tabular-classification",
        "epochs": 400,
        "batchSize": 16,
        "checkpointEvery": {"steps": 50},
    }
    resources = {"gpus": 4, "cpu": "500m", "memory": "768Mi"}
    name = create(release, "yields", training=training, dataset="digits", resources=resources)

    def saved() -> int | None:
        found = status(release, name).get("progress", {}).get("lastCheckpoint", {}).get("step")
        return int(found) if found else None

    eventually(saved, within=120, what="a checkpoint")
    urgent = create(
        release, "urgent", command=["sleep", "1"], resources=SMALL | {"gpus": 4}, priority=100
    )
    reached(release, urgent, "Succeeded", within=120)
    step = saved()
    assert step is not None
    again = reached(release, name, "Running")
    assert (again["attempt"], again["preemptions"], again.get("failures", 0)) == (2, 1, 0)

    def resumed() -> list[int]:
        lines = [line.message for line in people.logs(name).lines]
        words = [m.rpartition("resumed at step ")[2] for m in lines if "resumed at step" in m]
        return [int(word.split()[0]) for word in words]

    [at] = eventually(resumed, within=60, what="the trainer's word that it resumed")
    assert at >= step
    people.stop(name)
    reached(release, name, "Stopped")
    events = json.loads(
        release.kubectl(
            "get", "events", f"--field-selector=involvedObject.name={name}", "-o", "json"
        )
    )
    assert {"Preempted", "Resumed"} <= {e["reason"] for e in events["items"]}


def test_history_outlives_the_object(release: Installation, people: Client) -> None:
    """ttlSecondsAfterFinished removes the object; the gateway still tells how it went."""
    name = create(release, "brief", command=["true"], ttlSecondsAfterFinished=3)
    eventually(
        lambda: name not in release.kubectl("get", "ts", "-o", "name"),
        within=90,
        every=0.5,
        what="object removed",
    )
    kept = people.status(name)
    assert kept.phase == "Succeeded"
    assert kept.finished


# ── an end is judged by what happened ─────────────────────────────────────────────────────────

REPORTS = [
    "import trainyard",
    "run = trainyard.init(total_steps=1000)",
    "for step in range(1, 17): run.progress(step)",
]
SAVES_AND_ENDS_WITH_0 = [
    "import signal, sys, time",
    "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))",
    "print('holding', flush=True)",
    "while True: time.sleep(0.1)",
]


@pytest.mark.parametrize("before", [[], REPORTS], ids=["no goal is known", "at step 16 of 1000"])
def test_an_evicted_program_that_ends_with_0_is_retried(
    release: Installation, people: Client, before: list[str]
) -> None:
    program = python(*before, *SAVES_AND_ENDS_WITH_0)
    name = create(release, "evicted", command=program, retry={"limit": 0, "backoffSeconds": 1})
    reached(release, name, "Running")

    def holds() -> bool:
        return any("holding" in line.message for line in people.logs(name).lines)

    if before:
        eventually(holds, within=60, what="the program's line")
        assert status(release, name)["attempt"] == 1
    else:
        eventually(lambda: "holding" in release.kubectl("logs", pod_name(release, name)), within=60)
    evict(release, name)

    def second() -> dict[str, Any] | None:
        found = status(release, name)
        assert found["phase"] not in ("Succeeded", "Failed"), found
        return found if found["attempt"] == 2 and found["phase"] == "Running" else None

    found = eventually(second, within=120, every=0.2, what="the second attempt")
    assert (found["preemptions"], found.get("failures", 0)) == (1, 0)
    assert (found["disruption"]["attempt"], found["disruption"]["reason"]) == (
        1,
        "EvictionByEvictionAPI",
    )
    people.stop(name)
    assert reached(release, name, "Stopped", within=120)["attempt"] == 2


def pod_name(release: Installation, name: str) -> str:
    return str(pod_of(release, name)["metadata"]["name"])


def test_a_program_that_ends_before_its_goal(release: Installation) -> None:
    failure = failed(release, create(release, "early", command=python(*REPORTS)))
    assert failure["class"] == "EndedEarly"
    assert "step 16 of 1000" in failure["message"]


def test_a_program_that_lowers_its_goal_has_trained_to_the_end(release: Installation) -> None:
    program = python(*REPORTS, "run.goal(total_steps=16)", "trainyard.finish()")
    name = create(release, "enough", command=program)
    assert reached(release, name, "Succeeded")["attempt"] == 1


def test_a_program_that_fails_at_its_start_is_not_tried_again(release: Installation) -> None:
    program = python("raise ValueError('the column is missing')")
    retry = {"limit": 3, "backoffSeconds": 1}
    name = create(release, "alike", command=program, retry=retry)
    failure = failed(release, name)
    found = status(release, name)
    assert (found["attempt"], failure["alike"]) == (1, 1)
    assert "not tried again" in found["message"]
    assert "Its last line: ValueError: the column is missing" in failure["message"]


def test_a_dollar_means_a_dollar(release: Installation) -> None:
    text = "$5 $(HOME) $(NOPE) $$(HOME) $$"
    show = "import os, sys; print(*sys.argv[1:], os.environ['HOME'])"
    name = create(release, "dollar", command=["python", "-c", show, text, "$(TRAINYARD_RUN)"])
    reached(release, name, "Succeeded")
    printed = release.kubectl("logs", pod_name(release, name))
    assert printed.strip() == f"{text} $(TRAINYARD_RUN) /tmp"
