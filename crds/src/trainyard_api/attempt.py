"""What the operator passes to a trainer pod: JSON in the environment variable `TRAINYARD_RUN`."""

from __future__ import annotations

from pydantic import Field

from trainyard_api.model import OpenModel
from trainyard_api.session.outputs import Output
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
    """Hash of the file, in hexadecimal; it also names the parsed copies."""
    schema_file: str | None = Field(default=None, alias="schema", max_length=512)
    """Path of its schema (`DatasetSchema` as JSON) below `contract.DATASETS_DIR`.

    None for a dataset of an earlier version: the trainer then inspects the file itself.
    """


class ResumeSource(OpenModel):
    """The checkpoint to start from while this session has none."""

    session: str
    """Name of the session that wrote it (for lineage)."""
    session_uid: str
    """Its UID."""
    checkpoint: str = "latest"
    """latest, best or step-<n>."""


class AttemptCode(OpenModel):
    """The bundle of code in `contract.CODE_DIR`."""

    bundle: str
    """Its name: the hash of its manifest."""
    working_dir: str = ""
    """Folder in the bundle in which the program starts."""


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
    """Number of workers."""
    gpus: int = Field(default=0, ge=0)
    """GPUs per worker."""
    stream: str | None = None
    """What the supervisor's reports are called. Default: by the worker's number."""
    output_model: str
    """Name of the model to register."""
    training: TrainingConfig | None = None
    """Configuration; None for `spec.command`."""
    dataset: AttemptDataset | None = None
    """The dataset of `spec.dataset`; None if the session does not name one in this way."""
    datasets: list[AttemptDataset] | None = None
    """The datasets of `spec.datasets`, in its order; None without them."""
    code: AttemptCode | None = None
    """The bundle of code; None if the session names none."""
    outputs: list[Output] | None = None
    """What is registered when the program has ended well; None if the session declares nothing."""
    resume: str | None = None
    """auto if the supervisor gives known programs the option that names their checkpoint."""
    resume_from: ResumeSource | None = None
    """The checkpoint of another session to start from."""
