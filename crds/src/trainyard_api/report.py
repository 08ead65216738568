"""What trainers send to the gateway. A batch is applied exactly once.

A batch is identified by (session UID, attempt, stream, sequence). A sender numbers the batches of
one stream 1, 2, 3, … within an attempt and sends them in order. It repeats a batch until it is
acknowledged. The gateway acknowledges a duplicate and ignores it. Two streams of one attempt (two
workers, or logs beside metrics) are independent.

Reading a batch ends at its first wrong row, line and value: a batch can hold a million of them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, Field

from trainyard_api.contract import MAX_METRIC_NAME, MAX_TREE_ENTRIES
from trainyard_api.mlflow.run_report import RunReport
from trainyard_api.model import OpenModel
from trainyard_api.visible_text import checked_name

MAX_BATCH_BYTES = 4 * 1024 * 1024
"""Larger bodies get 413; senders keep their batches well below."""

MetricName = Annotated[
    str, Field(min_length=1, max_length=MAX_METRIC_NAME), AfterValidator(checked_name)
]
"""Any text without line breaks, control characters and invisible characters."""
Number = float | Literal["NaN", "Infinity", "-Infinity"]
"""JSON has no NaN and no infinities, so they are sent as text."""

Step = Annotated[int, Field(ge=0, le=2**53)]
"""Optimizer steps. JSON numbers are exact up to 2^53."""
Epoch = Annotated[int, Field(ge=0, le=2**31 - 1)]
Rank = Annotated[int, Field(ge=0, le=2**31 - 1)]
Attempt = Annotated[int, Field(ge=1, le=2**31 - 1)]
Bytes = Annotated[int, Field(ge=0, le=2**53)]
Time = Annotated[
    AwareDatetime,
    Field(ge=datetime(1970, 1, 1, tzinfo=UTC), le=datetime(9999, 12, 30, tzinfo=UTC)),
]
"""A time with time zone that exists in every other time zone, too."""

LogLevel = Literal["debug", "info", "warning", "error"]


class MetricRow(OpenModel):
    """Values that belong to one step."""

    step: Step
    """Optimizer step, 0 before the first."""
    epoch: Epoch | None = None
    """Epoch that ended with this row; present in rows that summarise an epoch."""
    time: Time
    """When it was measured, with time zone."""
    values: dict[MetricName, Number] = Field(min_length=1, max_length=256, fail_fast=True)
    """Value by metric name, such as train/loss."""


class LogLine(OpenModel):
    """One line that the program printed."""

    time: Time
    """When it was printed, with time zone."""
    level: LogLevel = "info"
    """debug, info, warning or error."""
    message: str = Field(max_length=16_384)
    """The line without its end."""
    rank: Rank = 0
    """Worker that printed it."""


class Heartbeat(OpenModel):
    """Progress of the training, sent every few seconds."""

    time: Time
    """When this was measured."""
    step: Step
    """Optimizer steps done."""
    total_steps: Step | None = None
    """Total optimizer steps; None if unknown."""
    epoch: Epoch | None = None
    """Epochs completed."""
    epochs: Epoch | None = None
    """Total epochs; None if unknown."""
    steps_per_second: float | None = Field(default=None, ge=0, le=1e18, allow_inf_nan=False)
    """Step rate of the last minute."""


class CheckpointReport(OpenModel):
    """A checkpoint became durable."""

    time: Time
    """When it became durable."""
    step: Step
    """Optimizer steps done when it was taken."""
    name: Annotated[str, Field(max_length=64), AfterValidator(checked_name)]
    """Its name, such as step-1200."""
    size_bytes: Bytes | None = None
    """Size on the volume."""


class Batch(OpenModel):
    """Everything that one stream reports since its last batch."""

    session_uid: str = Field(min_length=1, max_length=64)
    """UID of the session."""
    attempt: Attempt
    """Number of the attempt."""
    stream: str = Field(min_length=1, max_length=64, pattern=r"^[a-z0-9-]+$")
    """Sender within the attempt, such as rank-0."""
    sequence: int = Field(ge=1, le=2**53)
    """1, 2, 3, … within the stream."""
    metrics: list[MetricRow] = Field(default=[], max_length=10_000, fail_fast=True)
    """Measured values, in order."""
    logs: list[LogLine] = Field(default=[], max_length=10_000, fail_fast=True)
    """Printed lines, in order."""
    heartbeat: Heartbeat | None = None
    """Progress of the training."""
    checkpoint: CheckpointReport | None = None
    """The latest durable checkpoint."""
    runs: list[RunReport] = Field(default=[], max_length=1000, fail_fast=True)
    """What is new of the runs of the program, in the words of MLflow's protocol."""


class BatchReceipt(OpenModel):
    """The gateway's response: the batch is durable."""

    sequence: int
    """Sequence of the batch."""
    duplicate: bool
    """Whether the gateway already had it."""


class ModelReport(OpenModel):
    """The final model is in the output folder of the session; verify and register it."""

    session_uid: str = Field(min_length=1, max_length=64)
    """UID of the session."""
    attempt: Attempt
    """Number of the attempt."""
    name: str = Field(min_length=1, max_length=128)
    """Name in the registry."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Hash of the file."""
    size_bytes: int = Field(ge=1, le=2**53)
    """Size of the file."""
    card: dict[str, Any] = Field(default={})
    """Model card: configuration, dataset, metrics, lineage, versions."""


class ModelReceipt(OpenModel):
    """The registered model."""

    name: str
    """Name in the registry."""
    version: int
    """Version in the registry."""
    sha256: str
    """Hash of the file."""


class TreeReport(OpenModel):
    """A file or folder is staged in the session's folder; verify and register it."""

    session_uid: str = Field(min_length=1, max_length=64)
    """UID of the session."""
    attempt: Attempt
    """Number of the attempt that staged it."""
    name: str = Field(min_length=1, max_length=128)
    """Name in the registry."""
    tree: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Hash of its manifest, which also names the folder that it is staged in."""
    files: int = Field(ge=0, le=MAX_TREE_ENTRIES)
    """Number of files."""
    size_bytes: Bytes
    """Bytes of all files."""


class TreeReceipt(OpenModel):
    """The registered tree."""

    name: str
    """Name in the registry."""
    version: int
    """Version in the registry."""
    tree: str
    """Hash of its manifest."""
