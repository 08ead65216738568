"""A checkpoint is copied while the next step is computed: it must hold what was there when it was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from trainyard.reporting.run import QuietRun
from trainyard_api.training import TrainingConfig
from trainyard_trainer import data
from trainyard_trainer.checkpoint import BackgroundWriter, CheckpointFolder
from trainyard_trainer.gang import Gang
from trainyard_trainer.train import Trainer

# So large that the copy takes longer than what is computed before the optimizer steps.
WIDE = {"architecture": "mlp", "hiddenSizes": [4000, 4000]}


def trained(folder: Path, task: str, arrays: dict[str, Any], **given: Any) -> dict[int, Any]:
    """The weights before each step of a training that makes a checkpoint after each, by how many steps were done."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "data.npz", **arrays)
    more = {"epochs": 1, "checkpointEvery": {"steps": 1}, "keepCheckpoints": 50}
    config = TrainingConfig.model_validate({"task": task, **more, **given})
    dataset = data.load(folder / "data.npz", "npz", config)
    checkpoints = CheckpointFolder(folder / "c", keep=50)
    trainer = Trainer(config, dataset, checkpoints, QuietRun(), Gang(), torch.device("cpu"))
    seen: dict[int, list[Tensor]] = {}

    def look(*_: object) -> None:
        seen[trainer.position.step] = [p.detach().clone() for p in trainer.model.parameters()]

    trainer.optimizer.register_step_pre_hook(look)
    trainer.fit()
    return seen


def kept(folder: Path) -> dict[int, dict[str, Any]]:
    """The checkpoints by step."""
    checkpoints = CheckpointFolder(folder / "c", keep=50)
    found = {}
    for record in checkpoints.records():
        if record.name != "best":
            read = checkpoints.find(record.name)
            assert read is not None
            found[record.step] = read[1]
    return found


def test_weights_may_change_as_soon_as_they_are_copied(tmp_path: Path) -> None:
    writer = BackgroundWriter(CheckpointFolder(tmp_path), lambda: None, lambda _: None)
    weights = torch.ones(1 << 26)

    writer.write("step-1", 1, {"weights": weights})
    writer.copied()
    weights.zero_()
    writer.wait()

    found = CheckpointFolder(tmp_path).newest()
    assert found is not None
    assert found[1]["weights"].min() == 1


def test_the_training_waits_no_longer_for_a_copy_that_failed(tmp_path: Path) -> None:
    writer = BackgroundWriter(CheckpointFolder(tmp_path), lambda: None, lambda _: None)
    # What has no values cannot be copied.
    writer.write("step-1", 1, {"weights": torch.empty(3, device="meta")})

    writer.copied()

    with pytest.raises(NotImplementedError):
        writer.wait()
    assert CheckpointFolder(tmp_path).records() == []


def test_no_step_changes_what_is_being_copied(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    arrays = {"x": random.normal(size=(30, 4)).astype(np.float32), "y": np.arange(30) % 3}

    seen = trained(tmp_path, "tabular-classification", arrays, model=WIDE, batchSize=8)

    found = kept(tmp_path)
    assert len(found.keys() & seen.keys()) >= 2
    for step in found.keys() & seen.keys():
        weights = [w for name, w in found[step]["model"].items()]
        assert all(map(torch.equal, weights, seen[step])), f"step {step}"


def test_no_batch_changes_what_is_being_copied(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 255, (30, 8, 8)).astype(np.uint8)
    arrays = {"x": images, "y": np.arange(30) % 2}

    trained(
        tmp_path,
        "image-classification",
        arrays,
        model={"architecture": "resnet18"},
        batchSize=8,
    )

    found = kept(tmp_path)
    assert len(found) >= 3
    for step, state in found.items():
        batches = {int(v) for k, v in state["model"].items() if k.endswith("num_batches_tracked")}
        assert batches == {step}
