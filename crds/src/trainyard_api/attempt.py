"""The run as the operator hands it to a trainer pod, as JSON in the environment variable `TRAINYARD_RUN`."""

from __future__ import annotations

from pydantic import Field

from trainyard_api.model import OpenModel
from trainyard_api.training import TrainingConfig


class AttemptDataset(OpenModel):
    """A dataset on the volume."""

    name: str
    """Name in the registry."""
    file: str
    """Path below `contract.DATASETS_DIR`."""
    format: str
    """csv, parquet, npz, npy, jsonl, text or images."""
    sha256: str
    """Hash of the file; the key of parsed copies."""


class ResumeSource(OpenModel):
    """A checkpoint to start from when this session has none of its own."""

    session: str
    """Name of the session that wrote it (for lineage)."""
    session_uid: str
    """Its UID."""
    checkpoint: str = "latest"
    """latest, best or step-<n>."""


class AttemptSpec(OpenModel):
    """One attempt of one session."""

    session: str
    """Name of the session."""
    namespace: str
    """Its namespace."""
    uid: str
    """Its UID."""
    attempt: int = Field(ge=1)
    """Number of the attempt, from 1."""
    workers: int = Field(default=1, ge=1)
    """Workers in the gang."""
    gpus: int = Field(default=0, ge=0)
    """GPUs per worker."""
    output_model: str
    """Name under which the model is to be registered."""
    training: TrainingConfig | None = None
    """Configuration, None for people's own programs."""
    dataset: AttemptDataset | None = None
    """The dataset, None when none was asked for."""
    resume_from: ResumeSource | None = None
    """Where a fork starts."""
