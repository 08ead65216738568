"""Models that are trained here, without a gateway."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch

from trainyard.reporting import NoOpReporter
from trainyard_api.attempt import AttemptSpec
from trainyard_trainer import data, model_export
from trainyard_trainer.checkpoints.folder import CheckpointFolder
from trainyard_trainer.distributed.process_group import ProcessGroup
from trainyard_trainer.training.train import Trainer


def save_model(
    folder: Path, path: Path, file_format: str, training: dict[str, Any], dataset: str = "d"
) -> Path:
    """Train on `path` and leave the model in `folder`; returns its file."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    run = AttemptSpec.model_validate(
        {
            "session": "s",
            "namespace": "n",
            "uid": "u",
            "attempt": 1,
            "outputModel": "m",
            "training": training,
            "dataset": {
                "name": dataset,
                "file": path.name,
                "format": file_format,
                "sha256": digest,
            },
        }
    )
    assert run.training is not None
    trainer = Trainer(
        run.training,
        data.load(path, file_format, run.training),
        CheckpointFolder(folder / "checkpoints"),
        NoOpReporter(),
        ProcessGroup(),
        torch.device("cpu"),
    )
    trainer.fit()
    return model_export.save(folder / "output", trainer, model_export.model_card(run, trainer))
