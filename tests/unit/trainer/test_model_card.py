"""The card states what is true of the weights in the file, in JSON that every reader takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from tiny_training import write_blobs

from trainyard.reporting import NoOpReporter
from trainyard_api.attempt import AttemptSpec
from trainyard_api.training import TrainingConfig
from trainyard_trainer import data, model_export
from trainyard_trainer.checkpoints.folder import CheckpointFolder
from trainyard_trainer.distributed.process_group import ProcessGroup
from trainyard_trainer.model_export import CARD_KEY
from trainyard_trainer.training.evaluation import evaluate
from trainyard_trainer.training.train import Trainer

CPU = torch.device("cpu")
CLASSIFY = {"task": "tabular-classification", "batchSize": 8, "validationSplit": 0.3}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def noise(path: Path, rows: int = 80) -> Path:
    """Two classes that nothing tells apart: the longer the training, the worse its validation."""
    random = np.random.default_rng(0)
    kinds = ["p" if v else "q" for v in random.integers(0, 2, rows)]
    values = random.normal(size=(rows, 2))
    lines = [f"{a:.3f},{b:.3f},{k}" for (a, b), k in zip(values, kinds, strict=True)]
    path.write_text("a,b,kind\n" + "\n".join(lines) + "\n")
    return path


def train(folder: Path, path: Path, kind: str, training: dict[str, Any]) -> Trainer:
    config = TrainingConfig.model_validate(training)
    checkpoints = CheckpointFolder(folder / "c", 100)
    dataset = data.load(path, kind, config)
    return Trainer(config, dataset, checkpoints, NoOpReporter(), ProcessGroup(), CPU)


def card_of(trainer: Trainer, file: str = "data.csv", kind: str = "csv") -> dict[str, Any]:
    spec = AttemptSpec.model_validate(
        {
            "session": "s",
            "namespace": "n",
            "uid": "u",
            "attempt": 1,
            "outputModel": "m",
            "training": trainer.config.wire(),
            "dataset": {"name": "d", "file": file, "format": kind, "sha256": "0"},
        }
    )
    return model_export.model_card(spec, trainer)


def no_constant(text: str) -> float:
    raise AssertionError(f"{text} is no JSON")


def test_metrics_epoch_and_steps_are_those_of_the_weights(tmp_path: Path) -> None:
    trainer = train(
        tmp_path,
        noise(tmp_path / "data.csv"),
        "csv",
        {**CLASSIFY, "epochs": 30, "learningRate": 0.05},
    )
    trainer.fit()
    card = card_of(trainer)
    measured = evaluate(trainer.model, trainer.dataset, trainer.config, CPU, ProcessGroup())

    assert card["metrics"] == measured
    assert card["epochs"] < 30
    assert card["steps"] == card["epochs"] * trainer.steps_per_epoch
    assert card["trained"]["epochs"] == 30
    assert card["trained"]["steps"] == 30 * trainer.steps_per_epoch
    assert card["trained"]["metrics"]["val/loss"] > card["metrics"]["val/loss"]


def test_they_survive_a_kill_after_the_best_epoch(tmp_path: Path) -> None:
    path = noise(tmp_path / "data.csv")
    training = {**CLASSIFY, "epochs": 30, "learningRate": 0.05, "keepCheckpoints": 100}
    whole = train(tmp_path / "whole", path, "csv", training)
    whole.fit()
    best = card_of(whole)["epochs"]
    resumed = train(tmp_path / "resumed", path, "csv", training)
    later = f"step-{(best + 3) * whole.steps_per_epoch}"
    found = CheckpointFolder(tmp_path / "whole" / "c").load(later)
    assert found is not None
    resumed.load_state_dict(found[1])
    resumed.fit()
    cards = [card_of(t) for t in (whole, resumed)]

    for name in ("metrics", "epochs", "steps", "trained"):
        assert cards[0][name] == cards[1][name]


def test_a_checkpoint_without_metrics_of_the_best_epoch_is_measured(tmp_path: Path) -> None:
    path = noise(tmp_path / "data.csv")
    training = {**CLASSIFY, "epochs": 30, "learningRate": 0.05}
    first = train(tmp_path / "a", path, "csv", training)
    first.fit()
    state = first.state_dict()
    del state["position"]["best_metrics"], state["position"]["notes"]
    second = train(tmp_path / "b", path, "csv", training)
    second.load_state_dict(state)
    second.fit()

    assert card_of(second)["metrics"] == card_of(first)["metrics"]
    assert card_of(second)["epochs"] == card_of(first)["epochs"]


def outlier(path: Path) -> tuple[Path, dict[str, Any]]:
    """Numbers of which one, in the validation split, is too large for single precision."""
    training = {"task": "tabular-regression", "epochs": 3, "seed": 0}
    target = np.ones(50)
    config = TrainingConfig.model_validate(training)
    target[data.split.shuffled(np.arange(50), config).validation[0]] = 1e200
    np.savez(path, x=np.arange(50.0)[:, None], y=target)
    return path, training


def test_an_infinite_validation_loss_is_said_and_is_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, training = outlier(tmp_path / "data.npz")
    trainer = train(tmp_path, path, "npz", training)
    trainer.fit()
    card = card_of(trainer)
    file = model_export.save(tmp_path / "output", trainer, card)
    with safe_open(file, framework="pt") as archive:
        inside = json.loads(archive.metadata()[CARD_KEY], parse_constant=no_constant)
    beside = json.loads(
        (tmp_path / "output" / "model_card.json").read_text(), parse_constant=no_constant
    )

    assert inside == beside == card
    assert card["metrics"]["val/loss"] == card["metrics"]["val/rmse"] == "Infinity"
    assert card["epochs"] == 3
    said = capsys.readouterr().out
    assert "val/loss ∞" in said
    for words in ("the target 1e+200 is too far", "the validation loss was infinite"):
        assert any(words in note for note in card["notes"])
    assert "note: the validation loss was infinite" in said


def test_an_epoch_with_an_infinite_loss_is_never_the_best(tmp_path: Path) -> None:
    trainer = train(tmp_path, write_blobs(tmp_path / "data.npz"), "npz", {**CLASSIFY, "epochs": 2})
    trainer.progress.epoch = 1
    assert trainer._keep_if_best(2.0)
    assert not trainer._keep_if_best(float("inf"))
    assert trainer.progress.best_loss == 2.0


def test_perplexity_beyond_all_numbers_is_infinite(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("abcd efgh" * 200)
    sizes = {"layers": 1, "heads": 1, "embeddingSize": 8, "contextLength": 8}
    trainer = train(
        tmp_path,
        path,
        "text",
        {
            "task": "language-modeling",
            "epochs": 1,
            "batchSize": 64,
            "model": {"architecture": "transformer", "parameters": sizes},
        },
    )
    with torch.no_grad():
        trainer.model.head.weight.mul_(1e6)
    trainer.progress.metrics = trainer._evaluate()
    card = card_of(trainer, "text.txt", "text")

    assert card["metrics"]["val/perplexity"] == "Infinity"
    assert json.loads(json.dumps(card), parse_constant=no_constant) == card


def test_a_class_without_a_validation_sample_is_said(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text(
        "a,kind\n" + "".join(f"{i},{'rare' if i == 7 else 'pq'[i % 2]}\n" for i in range(40))
    )
    for seed in range(10):
        trainer = train(tmp_path, path, "csv", {**CLASSIFY, "epochs": 1, "seed": seed})
        names = trainer.dataset.schema.classes
        assert names is not None
        assert names.index("rare") in trainer.dataset.train.targets
        assert "no validation sample of class 'rare'" in card_of(trainer)["notes"]
        assert card_of(trainer)["split"] == "stratified"
