"""Real trainers over their whole life: several workers, suspended and resumed, stopped, forked, and people's own programs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster import unique
from installation import Installation
from poll import eventually
from safetensors.numpy import load_file

from trainyard.client import Client
from trainyard.models import Point, Session
from trainyard_demo.data import write_digits

pytestmark = pytest.mark.e2e

RESOURCES = {"gpus": 1, "cpu": "400m", "memory": "768Mi"}
TRAINING: dict[str, Any] = {
    "task": "tabular-classification",
    "epochs": 60,
    "batchSize": 64,
    "learningRate": 0.002,
    "logEverySteps": 5,
    "model": {"architecture": "mlp", "parameters": {"hiddenSizes": [128, 64], "dropout": 0.1}},
}


@pytest.fixture(scope="module")
def dataset(gateway: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    name = unique("life")
    gateway.upload_dataset(name, write_digits(tmp_path_factory.mktemp("life")))
    yield name
    gateway.delete_dataset(name)


def start(gateway: Client, prefix: str, dataset: str, **changes: Any) -> str:
    training = {**TRAINING, **changes.pop("training", {})}
    spec = {"dataset": dataset, "training": training, "resources": RESOURCES, **changes}
    return gateway.start_training(spec, unique(prefix)).name


def reached(gateway: Client, name: str, *phases: str) -> Session:
    def check() -> Session:
        found = gateway.status(name)
        assert found.phase in phases, (found.phase, found.status.message, found.status.failure)
        return found

    return eventually(check, within=180, every=0.3, what=f"{name} {'/'.join(phases)}")


def trained_for(gateway: Client, name: str, epochs: int) -> None:
    def check() -> bool:
        progress = gateway.status(name).status.progress
        return progress is not None and (progress.epoch or 0) >= epochs

    eventually(check, within=120, every=0.3, what=f"{epochs} epochs of {name}")


def curve(gateway: Client, name: str, metric: str = "train/loss") -> list[Point]:
    [series] = gateway.history(name, metric, max_points=10_000).series
    assert series.total == len(series.points), "nothing was thinned"
    return series.points


def checkpoint_step(session: Session) -> int:
    progress = session.status.progress
    assert progress is not None
    assert progress.last_checkpoint is not None
    return progress.last_checkpoint.step


def weights(gateway: Client, session: Session, folder: Path) -> dict[str, bytes]:
    """The tensors of a session's model, as bytes; the card beside them names the session."""
    model = session.status.model
    assert model is not None
    path = gateway.download_model(model.name, folder / f"{model.name}.safetensors", model.version)
    return {name: tensor.tobytes() for name, tensor in load_file(path).items()}


def test_suspended_and_resumed_ends_with_the_bits_of_an_unbroken_run(
    gateway: Client, dataset: str, tmp_path: Path
) -> None:
    unbroken = start(gateway, "unbroken", dataset)
    broken = start(gateway, "broken", dataset)
    trained_for(gateway, broken, 5)

    gateway.suspend(broken)
    suspended = reached(gateway, broken, "Suspended")
    assert checkpoint_step(suspended) > 0
    assert suspended.status.attempt == 1
    gateway.resume(broken)

    ended = reached(gateway, broken, "Succeeded")
    whole = reached(gateway, unbroken, "Succeeded")
    assert ended.status.attempt == 2
    assert (ended.status.failures or 0) == 0, "a suspension is no failure"
    assert weights(gateway, ended, tmp_path) == weights(gateway, whole, tmp_path)
    points = curve(gateway, broken)
    steps = [point.step for point in points]
    assert steps == list(range(5, steps[-1] + 1, 5)), "no step is missing or there twice"
    assert [(p.step, p.value) for p in points] == [
        (p.step, p.value) for p in curve(gateway, unbroken)
    ]


def test_a_stopped_session_leaves_a_checkpoint_from_which_a_fork_goes_on(
    gateway: Client, dataset: str
) -> None:
    parent = start(gateway, "parent", dataset, training={"epochs": 50_000})
    trained_for(gateway, parent, 20)

    gateway.stop(parent)
    stopped = reached(gateway, parent, "Stopped")

    assert checkpoint_step(stopped) > 0
    assert stopped.status.model is None
    fork = start(
        gateway,
        "fork",
        dataset,
        training={"epochs": 2},
        resumeFrom={"session": parent, "checkpoint": "latest"},
    )
    ended = reached(gateway, fork, "Succeeded")
    first, begun = curve(gateway, fork)[0], curve(gateway, parent)[0]
    assert first.step == 5, "a fork counts its own steps"
    assert float(first.value) < float(begun.value) / 4
    assert ended.status.model is not None
    card = gateway.model(ended.status.model.name).card
    assert card is not None
    assert parent in str(card), "the model card tells where the weights came from"


def test_two_workers_train_one_model(
    installation: Installation, gateway: Client, dataset: str
) -> None:
    name = start(gateway, "gang", dataset, workers=2, training={"epochs": 12})

    reached(gateway, name, "Running", "Succeeded")
    pods = installation.items("pods", f"trainyard.io/session={name}")
    ranks = {pod["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"] for pod in pods}
    assert ranks == {"0", "1"}
    ended = reached(gateway, name, "Succeeded")

    accuracy = gateway.metrics(name).get("val/accuracy")
    assert accuracy is not None
    assert accuracy >= 0.95
    steps = [point.step for point in curve(gateway, name)]
    assert steps == list(range(5, steps[-1] + 1, 5)), "one worker reports"
    assert ended.status.model is not None
    assert len(gateway.versions(ended.status.model.name).models) == 1


PROGRAM = """
import trainyard
run = trainyard.init(total_steps=40)
for step in range(1, 41):
    print("at step", step)
    trainyard.log({"train/loss": 1 / step, "lr": 0.1}, step=step)
trainyard.checkpoint("step-40", step=40)
trainyard.finish()
"""


def test_a_program_of_ones_own(gateway: Client) -> None:
    spec = {"command": ["python", "-c", PROGRAM], "resources": {**RESOURCES, "gpus": 0}}
    name = gateway.start_training(spec, unique("own")).name

    ended = reached(gateway, name, "Succeeded")

    assert [p.step for p in curve(gateway, name)] == list(range(1, 41))
    assert checkpoint_step(ended) == 40
    lines = [line.message for line in gateway.logs(name).lines]
    assert [line for line in lines if line.startswith("at step")] == [
        f"at step {step}" for step in range(1, 41)
    ]
