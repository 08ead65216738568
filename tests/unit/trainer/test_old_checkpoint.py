"""A checkpoint that an earlier version of the trainer wrote still resumes."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from tiny_training import write_blobs

from trainyard.reporting import NoOpReporter
from trainyard_api.training import TrainingConfig
from trainyard_trainer import data
from trainyard_trainer.checkpoints.folder import CheckpointFolder
from trainyard_trainer.data.split import SplitRule
from trainyard_trainer.distributed.process_group import ProcessGroup
from trainyard_trainer.training.train import Trainer

OLD = Path(__file__).with_name("checkpoint-of-0.1")
"""Step 5 of the training below, in the middle of its second epoch."""
CONFIG = TrainingConfig.model_validate(
    {
        "task": "tabular-classification",
        "epochs": 4,
        "batchSize": 16,
        "checkpointEvery": {"steps": 5},
        "keepCheckpoints": 100,
        "seed": 3,
        "model": {"architecture": "mlp", "parameters": {"hiddenSizes": [4], "dropout": 0.2}},
    }
)


def trainer(folder: Path) -> Trainer:
    old = data.Terms(classes_by=SplitRule.SHUFFLED)
    dataset = data.load(write_blobs(folder / "data.npz"), "npz", CONFIG, old)
    checkpoints = CheckpointFolder(folder / "c", 100)
    cpu = torch.device("cpu")
    return Trainer(CONFIG, dataset, checkpoints, NoOpReporter(), ProcessGroup(), cpu)


def test_it_ends_as_a_training_without_a_kill(tmp_path: Path) -> None:
    unbroken = trainer(tmp_path / "unbroken")
    unbroken.fit()
    shutil.copytree(OLD, tmp_path / "resumed" / "c")
    resumed = trainer(tmp_path / "resumed")
    found = CheckpointFolder(tmp_path / "resumed" / "c").load_latest()
    assert found is not None
    resumed.load_state_dict(found[1])
    begun = resumed.progress.step
    resumed.fit()

    assert (begun, resumed.progress.step) == (5, 12)
    for name, weights in unbroken.model.state_dict().items():
        torch.testing.assert_close(resumed.model.state_dict()[name], weights)
