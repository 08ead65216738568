"""Models that are trained here, without a gateway."""

from __future__ import annotations

import contextlib
import hashlib
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from trainyard.reporting import NoOpReporter
from trainyard_api.attempt import AttemptSpec
from trainyard_api.datasets.schema import DatasetSchema
from trainyard_trainer import data, model_export
from trainyard_trainer.checkpoints.folder import CheckpointFolder
from trainyard_trainer.data.schema import DataSchema
from trainyard_trainer.distributed.process_group import ProcessGroup
from trainyard_trainer.errors import Preempted
from trainyard_trainer.training.train import Trainer


@dataclass(frozen=True)
class Life:
    """How a training comes to its end, besides its configuration."""

    source: DatasetSchema | None = None
    """How the dataset is read; None inspects it."""
    parent: dict[str, Any] | None = None
    """The checkpoint of another session that it starts from."""
    stop_at: int | None = None
    """Step after which it gets SIGTERM once, and goes on as another attempt."""
    dataset: str = "d"
    """The dataset's name."""


class _Stopping(NoOpReporter):
    """Sends SIGTERM to this process at a step."""

    def __init__(self, step: int) -> None:
        self._step = step

    def progress(self, step: int, epoch: int | None = None) -> None:
        del epoch
        if step == self._step:
            signal.raise_signal(signal.SIGTERM)


def train(
    folder: Path, path: Path, file_format: str, training: dict[str, Any], life: Life = Life()
) -> tuple[AttemptSpec, Trainer]:
    """A training that has ended, with the attempt that it was."""
    run = _attempt(path, file_format, training, life)
    checkpoints = CheckpointFolder(folder / "checkpoints")
    before = signal.getsignal(signal.SIGTERM)
    try:
        if life.stop_at is not None:
            with contextlib.suppress(Preempted):
                _begun(run, path, life, checkpoints, _Stopping(life.stop_at)).fit()
        trainer = _begun(run, path, life, checkpoints, NoOpReporter())
        trainer.fit()
    finally:
        signal.signal(signal.SIGTERM, before)
    return run, trainer


def save_model(
    folder: Path, path: Path, file_format: str, training: dict[str, Any], life: Life = Life()
) -> Path:
    """Train on `path` and leave the model in `folder`; returns its file."""
    run, trainer = train(folder, path, file_format, training, life)
    return model_export.save(folder / "output", trainer, model_export.model_card(run, trainer))


def _attempt(path: Path, file_format: str, training: dict[str, Any], life: Life) -> AttemptSpec:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    dataset = {"name": life.dataset, "file": path.name, "format": file_format, "sha256": digest}
    parent = {"session": "p", "sessionUid": "pu", "checkpoint": "latest"} if life.parent else None
    return AttemptSpec.model_validate(
        {
            "session": "s",
            "namespace": "n",
            "uid": "u",
            "attempt": 1,
            "outputModel": "m",
            "training": training,
            "dataset": dataset,
            "resumeFrom": parent,
        }
    )


def _begun(
    run: AttemptSpec, path: Path, life: Life, checkpoints: CheckpointFolder, report: NoOpReporter
) -> Trainer:
    """A trainer before its next step: from its own checkpoint if there is one."""
    assert run.training is not None
    assert run.dataset is not None
    learned = DataSchema.model_validate_json(life.parent["schema"]) if life.parent else None
    terms = data.Terms(life.source, learned=learned)
    dataset = data.load(path, run.dataset.format, run.training, terms)
    cpu = torch.device("cpu")
    trainer = Trainer(run.training, dataset, checkpoints, report, ProcessGroup(), cpu)
    own = checkpoints.load_latest()
    if own is not None:
        trainer.load_state_dict(own[1])
    elif life.parent is not None:
        trainer.start_from(life.parent)
    return trainer
