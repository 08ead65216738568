"""A checkpoint is copied while the next step is computed: it must hold what was there when it was asked for."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from trainyard.reporting import NoOpReporter
from trainyard_api.training import TrainingConfig
from trainyard_trainer import data
from trainyard_trainer.checkpoints.folder import CheckpointFolder
from trainyard_trainer.checkpoints.staging import StagedState, Staging
from trainyard_trainer.checkpoints.writer import AsyncCheckpointWriter
from trainyard_trainer.distributed.process_group import ProcessGroup
from trainyard_trainer.training.train import Trainer

KEEP = 50


class LateStaging(Staging):
    """Copies only when the training has gone as far as it can without the copy."""

    def __init__(self) -> None:
        super().__init__()
        self.too_far = threading.Event()
        """Set by whoever changes something; nobody should."""

    def begin(self, state: dict[str, Any]) -> StagedState:
        self.too_far.clear()
        return LateCopy(super().begin(state), self.too_far)


class LateCopy(StagedState):
    """Waits for a moment for what must not happen."""

    def __init__(self, copy: StagedState, too_far: threading.Event) -> None:
        super().__init__(copy.state, [])
        self._copy, self._too_far = copy, too_far

    def fill(self) -> None:
        self._too_far.wait(0.1)
        self._copy.fill()


def tensors_of(state: dict[str, Any]) -> dict[str, Tensor]:
    """Weights, and the optimizer's means by number."""
    means = {str(i): one["exp_avg"] for i, one in state["optimizer"]["state"].items()}
    return {**state["model"], **means}


def trained(folder: Path, task: str, arrays: dict[str, Any], **given: Any) -> dict[int, Any]:
    """A training with a checkpoint after each step: its weights and the optimizer's means after each, by how many steps were done."""
    np.savez(folder / "data.npz", **arrays)
    more = {"epochs": 2, "batchSize": 8, "checkpointEvery": {"steps": 1}}
    config = TrainingConfig.model_validate({"task": task, **more, **given})
    dataset = data.load(folder / "data.npz", "npz", config)
    staging = LateStaging()
    trainer = Trainer(
        config,
        dataset,
        CheckpointFolder(folder / "c", KEEP),
        NoOpReporter(),
        ProcessGroup(),
        torch.device("cpu"),
        staging,
    )
    seen: dict[int, dict[str, Tensor]] = {}

    def look(*_: object) -> None:
        staging.too_far.set()
        now = tensors_of(trainer.state_dict())
        seen[trainer.progress.step + 1] = {name: t.clone() for name, t in now.items()}

    trainer.optimizer.register_step_post_hook(look)
    trainer.fit()
    return seen


def kept(folder: Path) -> dict[int, dict[str, Tensor]]:
    """The same of the checkpoints."""
    checkpoints = CheckpointFolder(folder / "c", KEEP)
    found = {}
    for record in checkpoints.metadata():
        read = checkpoints.load(record.name)
        assert read is not None
        if record.name != "best":
            found[record.step] = tensors_of(read[1])
    return found


def test_weights_may_change_as_soon_as_they_are_copied(tmp_path: Path) -> None:
    writer = AsyncCheckpointWriter(CheckpointFolder(tmp_path), lambda: None, lambda _: None)
    weights = torch.ones(1 << 26)

    writer.write("step-1", 1, {"weights": weights})
    writer.wait_until_staged()
    weights.zero_()
    writer.wait_until_written()

    found = CheckpointFolder(tmp_path).load_latest()
    assert found is not None
    assert found[1]["weights"].min() == 1


def test_the_training_waits_no_longer_for_a_copy_that_failed(tmp_path: Path) -> None:
    writer = AsyncCheckpointWriter(CheckpointFolder(tmp_path), lambda: None, lambda _: None)
    # What has no values cannot be copied.
    writer.write("step-1", 1, {"weights": torch.empty(3, device="meta")})

    writer.wait_until_staged()

    with pytest.raises(NotImplementedError):
        writer.wait_until_written()
    assert CheckpointFolder(tmp_path).metadata() == []


@pytest.mark.parametrize(
    ("task", "shape", "architecture"),
    [
        ("tabular-classification", (30, 4), "mlp"),
        # Its running means are changed by every batch, before any step.
        ("image-classification", (30, 8, 8), "resnet18"),
    ],
    ids=["mlp", "resnet18"],
)
def test_nothing_changes_what_is_being_copied(
    tmp_path: Path, task: str, shape: tuple[int, ...], architecture: str
) -> None:
    values = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    arrays = {"x": values, "y": np.arange(30) % 2}

    seen = trained(tmp_path, task, arrays, model={"architecture": architecture})

    found = kept(tmp_path)
    assert found.keys() == seen.keys()
    assert len(found) >= 4
    for step, tensors in found.items():
        assert tensors.keys() == seen[step].keys()
        differ = [name for name, t in tensors.items() if not torch.equal(t, seen[step][name])]
        assert differ == [], f"step {step}"
