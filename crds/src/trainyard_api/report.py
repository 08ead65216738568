"""What trainers send to the gateway. A batch is applied exactly once.

A batch is identified by (session UID, attempt, stream, sequence). A sender numbers the batches of
one stream 1, 2, 3, … within an attempt and sends them in order. It repeats a batch until it is
acknowledged. The gateway acknowledges a duplicate and ignores it. Two streams of one attempt (two
workers, or logs beside metrics) are independent.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from trainyard_api.model import OpenModel

MAX_BATCH_BYTES = 4 * 1024 * 1024
"""Larger bodies get 413; senders keep their batches well below."""

MetricName = Annotated[str, Field(min_length=1, max_length=128)]
Number = float | Literal["NaN", "Infinity", "-Infinity"]
"""JSON has no NaN and no infinities, so they are sent as text."""

LogLevel = Literal["debug", "info", "warning", "error"]


class MetricRow(OpenModel):
    """Values that belong to one step."""

    step: Annotated[int, Field(ge=0, le=2**53)]
    """Optimizer step, 0 before the first."""
    epoch: Annotated[int, Field(ge=0, le=2**31)] | None = None
    """Epoch that ended with this row; present in rows that summarise an epoch."""
    time: AwareDatetime
    """When it was measured, with time zone."""
    values: dict[MetricName, Number] = Field(min_length=1, max_length=256)
    """Value by metric name, such as train/loss."""


class LogLine(OpenModel):
    """One line that the program printed."""

    time: AwareDatetime
    """When it was printed, with time zone."""
    level: LogLevel = "info"
    """debug, info, warning or error."""
    message: str = Field(max_length=16_384)
    """The line without its end."""
    rank: int = Field(default=0, ge=0)
    """Worker that printed it."""


class Heartbeat(OpenModel):
    """Progress of the training, sent every few seconds."""

    time: AwareDatetime
    """When this was measured."""
    step: int = Field(ge=0)
    """Optimizer steps done."""
    total_steps: int | None = Field(default=None, ge=0)
    """Total optimizer steps; None if unknown."""
    epoch: int | None = Field(default=None, ge=0)
    """Epochs completed."""
    epochs: int | None = Field(default=None, ge=0)
    """Total epochs; None if unknown."""
    steps_per_second: float | None = Field(default=None, ge=0)
    """Step rate of the last minute."""


class CheckpointReport(OpenModel):
    """A checkpoint became durable."""

    time: AwareDatetime
    """When it became durable."""
    step: int = Field(ge=0)
    """Optimizer steps done when it was taken."""
    name: str = Field(max_length=64)
    """Its name, such as step-1200."""
    size_bytes: int | None = Field(default=None, ge=0)
    """Size on the volume."""


class Batch(OpenModel):
    """Everything that one stream reports since its last batch."""

    session_uid: str = Field(min_length=1, max_length=64)
    """UID of the session."""
    attempt: int = Field(ge=1)
    """Number of the attempt."""
    stream: str = Field(min_length=1, max_length=64, pattern=r"^[a-z0-9-]+$")
    """Sender within the attempt, such as rank-0."""
    sequence: int = Field(ge=1, le=2**53)
    """1, 2, 3, … within the stream."""
    metrics: list[MetricRow] = Field(default=[], max_length=10_000)
    """Measured values, in order."""
    logs: list[LogLine] = Field(default=[], max_length=10_000)
    """Printed lines, in order."""
    heartbeat: Heartbeat | None = None
    """Progress of the training."""
    checkpoint: CheckpointReport | None = None
    """The latest durable checkpoint."""


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
    attempt: int = Field(ge=1)
    """Number of the attempt."""
    name: str = Field(min_length=1, max_length=128)
    """Name in the registry."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Hash of the file."""
    size_bytes: int = Field(ge=1)
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
