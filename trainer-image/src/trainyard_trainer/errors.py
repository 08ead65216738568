"""Errors of a training, each with its exit code.

TrainingError
├── BadConfiguration     64: the configuration does not fit the data
├── BadData              65: the dataset's content cannot be used
├── DatasetMissing       66: the dataset's file is not on the volume
├── CheckpointMissing    67: the checkpoint to start from is not there
├── OutOfMemory          69: memory does not hold the data, the model or a batch
├── Diverged             70: the loss is infinite or NaN
├── Preempted            75: SIGTERM was received and a checkpoint is saved
└── AccessDenied         77: the gateway or the volume refuses access
"""

from __future__ import annotations

from typing import ClassVar

from trainyard_api.contract import ExitCode


class TrainingError(Exception):
    """The training cannot continue. `hint` says what to do and may be empty."""

    exit_code: ClassVar[ExitCode] = ExitCode.PROGRAM_ERROR

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class BadConfiguration(TrainingError):
    """The configuration does not fit the data."""

    exit_code = ExitCode.BAD_CONFIGURATION


class BadData(TrainingError):
    """The dataset's content cannot be used."""

    exit_code = ExitCode.BAD_DATA


class DatasetMissing(TrainingError):
    """The dataset's file is not on the volume."""

    exit_code = ExitCode.DATASET_MISSING


class CheckpointMissing(TrainingError):
    """The checkpoint to start from is not there."""

    exit_code = ExitCode.CHECKPOINT_MISSING


class OutOfMemory(TrainingError):
    """Memory does not hold the data, the model or a batch."""

    exit_code = ExitCode.OUT_OF_MEMORY


class Diverged(TrainingError):
    """The loss is infinite or NaN."""

    exit_code = ExitCode.DIVERGED


class Preempted(TrainingError):
    """SIGTERM was received and a checkpoint is saved."""

    exit_code = ExitCode.PREEMPTED


class AccessDenied(TrainingError):
    """The gateway or the volume refuses access."""

    exit_code = ExitCode.ACCESS_DENIED
