"""What operator and trainer pod agree on: environment, paths, exit codes. Standard library only.

The operator writes these into the Job. The trainer and the reporting API read them. This module
needs the standard library only, because users' training code imports it through `trainyard`.
"""

from __future__ import annotations

from enum import IntEnum
from pathlib import PurePosixPath
from typing import Final

from trainyard_api.phase import FailureClass

ENV_RUN: Final = "TRAINYARD_RUN"
"""The attempt as JSON: `trainyard_api.attempt.AttemptSpec`."""
ENV_GATEWAY_URL: Final = "TRAINYARD_GATEWAY_URL"
ENV_TOKEN_FILE: Final = "TRAINYARD_TOKEN_FILE"
ENV_GRACE_SECONDS: Final = "TRAINYARD_GRACE_SECONDS"
"""Seconds from the stop signal to the kubelet's SIGKILL: terminationGracePeriodSeconds."""
ENV_PROGRESS: Final = "TRAINYARD_PROGRESS"
"""`off`: the supervisor reads no progress from what the program prints."""
ENV_EVENT_FILES: Final = "TRAINYARD_EVENT_FILES"
"""`off`: the supervisor does not follow the event files that the program writes."""
ENV_STATUS_SERVER: Final = "TRAINYARD_STATUS_SERVER"
"""`off`: the supervisor offers no place for the status of Kubeflow's protocol."""
ENV_MLFLOW: Final = "TRAINYARD_MLFLOW"
"""`off`: the supervisor offers no tracking server of MLflow's protocol."""
ENV_ENVIRONMENT_DIR: Final = "TRAINYARD_ENVIRONMENT_DIR"
"""Folder with the packages of a session that asks for some."""
ENV_DATASETS_DIR: Final = "TRAINYARD_DATASETS_DIR"
"""Folder with a folder for each dataset that the session names; not set if it names none."""
ENV_ATTEMPT: Final = "TRAINYARD_ATTEMPT"
"""The attempt's number, from 1; the supervisor sets it for the program."""
ENV_LATEST_CHECKPOINT: Final = "TRAINYARD_LATEST_CHECKPOINT"
"""Path of the newest whole checkpoint in the run folder; not set without one."""
ENV_COMPLETION_INDEX: Final = "JOB_COMPLETION_INDEX"
"""Set by Kubernetes in Indexed Jobs: the worker's number, 0-based."""

TOKEN_DIR: Final = "/var/run/secrets/trainyard"
TOKEN_FILE: Final = f"{TOKEN_DIR}/token"
TOKEN_AUDIENCE: Final = "trainyard-gateway"
TOKEN_SECONDS: Final = 3600

DATASETS_DIR: Final = "/data/datasets"
"""Read-only in the trainer: the datasets that the session names, each at `<name>/<file>`."""
RUN_DIR: Final = "/data/run"
"""Read-write: this session's run folder, kept over attempts."""
RESUME_DIR: Final = "/data/resume"
"""Read-only: the folder of the session named in `resumeFrom`."""

SUPERVISOR_DIR: Final = "/trainyard"
"""Read-only: the supervisor, and what `import trainyard` needs to report."""
CODE_DIR: Final = "/data/code"
"""Read-only in the trainer: the bundle that the session names."""
CACHE_DIR: Final = "/data/cache"
"""Read-write: the caches of the session's user, the same in all sessions of a user."""
SCRATCH_CACHE_DIR: Final = str(PurePosixPath("/", "tmp", ".cache"))
"""Caches that end with the attempt."""
SECRETS_DIR: Final = "/trainyard-secrets"
"""Read-only: a folder for each Secret of the session, so that its values are masked."""
WORK: Final = "work"
"""Folder below the run folder with a copy of the bundle, in which the program starts."""

WORK_MADE: Final = ".work-made"
"""File beside it: what changed later was written by the session's programs."""

ENVIRONMENT_DIR: Final = "/trainyard-environment"
"""Read-only: the session's environment, its packages over those of the runtime."""
ENVIRONMENT_FILE: Final = "environment.json"
"""In the environment, written last. The supervisor holds its lock (flock), shared."""

BUILDER_DIR: Final = "/trainyard-builder"
"""Read-only: the builder of environments, and the program `uv`."""
BUILDER_FILE: Final = "environment.pyz"
ENVIRONMENTS_DIR: Final = "/data/environments"
"""Read-write in the builder's pod: all environments, each at its lock."""
ENV_ENVIRONMENTS_MAX_BYTES: Final = "TRAINYARD_ENVIRONMENTS_MAX_BYTES"
ENV_INDEX_URL: Final = "TRAINYARD_INDEX_URL"
"""URL of the package index, without credentials; empty is uv's own default."""
ENV_INDEX_CA: Final = "TRAINYARD_INDEX_CA"
"""File with certificates of the index's authorities; empty is the usual ones."""
ENV_INDEX_CA_SOURCE: Final = "TRAINYARD_INDEX_CA_SOURCE"
"""What people call that file, such as the ConfigMap that it comes from."""
ENV_INDEX_USERNAME: Final = "UV_INDEX_TRAINYARD_USERNAME"
ENV_INDEX_PASSWORD: Final = "UV_INDEX_TRAINYARD_PASSWORD"
"""As uv calls them for an index of this name."""

CHECKPOINTS: Final = "checkpoints"
OUTPUT: Final = "output"
SPOOL: Final = "spool"
CACHE: Final = "cache"
MODEL_FILE: Final = "model.safetensors"
MODEL_CARD_FILE: Final = "model_card.json"
RELAY: Final = ".trainyard/relay"
"""Folder below the run folder: what MLflow's clients logged, a folder for each worker."""
ARTIFACTS: Final = ".trainyard/artifacts"
"""Folder below the run folder: trees that wait for the gateway, each in a folder of its name.

A name that begins with a point is none of a tree: it is not finished, or a lock.
"""
TREE_MANIFEST: Final = "manifest.json"
TREE_FILES: Final = "files"
"""In the folder of a tree: its files at their paths, without links and empty folders."""
TREE_REPORT_PREFIX: Final = "report-"
"""In the folder of a tree, written last: `report-<name>.json`, the report of the tree as `name`."""
ENDED: Final = ".trainyard/ended"
"""Folder below the run folder: of each attempt and worker, that its program ended with 0.

The supervisor of a later attempt then runs no program, and delivers what is left.
"""
MAX_TREE_ENTRIES: Final = 100_000
MAX_TREE_MANIFEST_BYTES: Final = 32 << 20

TERMINATION_MESSAGE_FILE: Final = "/dev/termination-log"
TERMINATION_MESSAGE_BYTES: Final = 4096
"""The kubelet's limit of a container's termination message."""

END_KEY: Final = "end"
"""Key of the termination message below which a program says how far it came.

Its value holds step, totalSteps, epoch, epochs and stride, as far as they are known.
"""

INTERRUPTED_KEY: Final = "interrupted"
"""Key of the termination message: true if a stop signal ended the program before its goal."""
PROGRAM_EXIT_KEY: Final = "programExit"
PROGRAM_SIGNAL_KEY: Final = "programSignal"
"""Keys of the termination message: exit code of the program, or the signal that killed it."""
LAST_LINES_KEY: Final = "lastLogLines"
ENVIRONMENT_KEY: Final = "environment"
"""Key of the builder's termination message: lock, packages, bytes and reused."""

GRACE_SECONDS: Final = 60
"""Seconds from SIGTERM to SIGKILL; the trainer saves a checkpoint within them."""

RENDEZVOUS_PORT: Final = 29500

POD_USER: Final = 10001
"""uid, gid and fsGroup of every pod."""


class ExitCode(IntEnum):
    """Exit codes of a trainer by cause. The numbers follow sysexits.h where it has one."""

    SUCCEEDED = 0
    PROGRAM_ERROR = 1
    BAD_CONFIGURATION = 64
    BAD_DATA = 65
    DATASET_MISSING = 66
    CHECKPOINT_MISSING = 67
    OUT_OF_MEMORY = 69
    """The memory of a GPU or of the pod does not hold the model and a batch."""
    DIVERGED = 70
    WORKER_LOST = 71
    VOLUME_FULL = 74
    PREEMPTED = 75
    """After SIGTERM, with a saved checkpoint from which the next attempt continues."""
    ACCESS_DENIED = 77


ENVIRONMENT_GONE: Final = "EnvironmentGone"
"""Reason of the supervisor where the packages of the session are not on the volume any more."""


class BuilderExit(IntEnum):
    """Exit codes of the builder of environments."""

    BUILT = 0
    BAD_ARGUMENTS = 64
    NOT_RESOLVED = 65
    """What is asked for cannot be had; no retry helps."""
    NO_ROOM = 73
    """The data volume, or what environments may take of it, is full, or cannot be written."""
    INDEX_UNAVAILABLE = 76
    """The index does not answer, or refuses the credentials."""


EXIT_CLASSES: Final[dict[int, FailureClass]] = {
    ExitCode.BAD_CONFIGURATION: FailureClass.BAD_CONFIGURATION,
    ExitCode.BAD_DATA: FailureClass.BAD_DATA,
    ExitCode.DATASET_MISSING: FailureClass.DATASET_MISSING,
    ExitCode.CHECKPOINT_MISSING: FailureClass.CHECKPOINT_MISSING,
    ExitCode.OUT_OF_MEMORY: FailureClass.OUT_OF_MEMORY,
    ExitCode.DIVERGED: FailureClass.DIVERGED,
    ExitCode.WORKER_LOST: FailureClass.WORKER_LOST,
    ExitCode.VOLUME_FULL: FailureClass.VOLUME_FULL,
    ExitCode.ACCESS_DENIED: FailureClass.ACCESS_DENIED,
}
"""Exit codes that name their cause; any other non-zero code is a ProgramError."""

MAX_METRIC_NAME: Final = 128
"""Characters of the name of a metric."""
