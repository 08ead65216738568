"""The gateway's responses as typed models. Times are RFC 3339 texts, sizes are bytes.

Unknown fields are ignored, so that an older client understands a newer gateway.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from trainyard_api.datasets.schema import DatasetSchema
from trainyard_api.model import OpenModel
from trainyard_api.phase import TERMINAL, Phase
from trainyard_api.session import TrainingSessionSpec, TrainingSessionStatus


class Session(OpenModel):
    """A training session: its metadata, spec and status, as the custom resource has them."""

    name: str
    uid: str
    namespace: str = ""
    phase: str
    created: str
    user: str | None = None
    deleted: bool = False
    spec: TrainingSessionSpec
    status: TrainingSessionStatus

    @property
    def finished(self) -> bool:
        """Whether its phase is final."""
        return self.phase in {str(p) for p in TERMINAL}

    @property
    def succeeded(self) -> bool:
        """Whether its phase is Succeeded."""
        return self.phase == Phase.SUCCEEDED


class Page(OpenModel):
    """One page of a list; `cursor` asks for the next page, and is None after the last row."""

    cursor: str | None = None


class SessionPage(Page):
    """One page of sessions, newest first."""

    sessions: list[Session]
    total: int


class QueueEntry(OpenModel):
    """A waiting session with its position, the reason why it waits, and its estimated start."""

    name: str
    uid: str
    queue: str
    priority: int
    gpus: int
    phase: str
    position: int | None = None
    reason: str | None = None
    message: str | None = None
    estimated_start: dict[str, Any] | None = None


class Queue(Page):
    """All waiting sessions in queue order."""

    waiting: list[QueueEntry]


class Value(OpenModel):
    """The newest value of a metric; NaN and infinities are text."""

    name: str
    step: int
    epoch: int | None = None
    time: str
    value: float | str


class Metrics(OpenModel):
    """The newest value of every metric of a session."""

    session: str
    metrics: list[Value]

    def get(self, name: str) -> float | None:
        """The number of one metric, None where it is absent or no number."""
        found = next((v.value for v in self.metrics if v.name == name), None)
        return found if isinstance(found, float) else None


class Point(OpenModel):
    """A value at a step."""

    step: int
    epoch: int | None = None
    time: str
    value: float | str


class Series(OpenModel):
    """One metric over the steps."""

    name: str
    total: int
    points: list[Point]


class History(OpenModel):
    """Metrics over the steps."""

    session: str
    series: list[Series]


class LogLine(OpenModel):
    """One line that a worker printed, with its time, level and rank."""

    cursor: int
    time: str
    level: str
    message: str
    rank: int
    attempt: int


class Logs(OpenModel):
    """Printed lines; `next` is the cursor for what comes after."""

    session: str
    lines: list[LogLine]
    next: int
    more: bool | None = None
    """Whether more lines come after these, with `tail` before them; None of an older gateway."""


class DatasetFile(OpenModel):
    """A registered file: its name, its format, its size and its hash."""

    name: str
    format: str
    sha256: str
    size_bytes: int
    created: str
    file: str = ""
    """Its path on the gateway's volume; it has the ending of the file that was uploaded."""


class Dataset(DatasetFile):
    """A dataset of the registry with its schema."""

    details: DatasetSchema


class SchemaSummary(OpenModel):
    """What a list shows of a schema."""

    samples: int
    dimensions: list[int]
    target: str | None = None
    revision: int = 0


class DatasetEntry(DatasetFile):
    """A dataset of the registry as a list shows it."""

    details: SchemaSummary


class Datasets(Page):
    """All datasets of the registry."""

    datasets: list[DatasetEntry]


class Model(OpenModel):
    """One version of a model."""

    name: str
    version: int
    sha256: str
    size_bytes: int
    created: str
    session_uid: str | None = None
    card: dict[str, Any] = {}
    card_omitted: bool = False
    """Whether a list leaves the card out because it is long; `Client.model` returns it."""


class Models(Page):
    """The newest version of every model, or all versions of one."""

    models: list[Model]


class FileUpload(OpenModel):
    """An upload in parts that is not finished; it can be resumed."""

    id: str
    name: str
    size_bytes: int
    part_bytes: int = Field(ge=1)
    """Size of every part but the last."""
    parts: int = Field(ge=1)
    missing: list[int] = []
    """Numbers of the missing parts, from 1."""


class UploadSummary(OpenModel):
    """An upload in parts that is not complete, in a list; it is removed a week after it began."""

    id: str
    name: str
    """Name of the dataset or model."""
    size_bytes: int
    parts: int
    received: int
    """Number of parts that the gateway has."""
    created: str


class Uploads(OpenModel):
    """The uploads of datasets, or of models, that are not complete."""

    uploads: list[UploadSummary]
    """Oldest first, at most 100."""


class FilePart(OpenModel):
    """A part that the gateway has."""

    number: int
    sha256: str


class Usage(OpenModel):
    """Used and total bytes of memory or of a disk."""

    total_bytes: int
    used_bytes: int
    percent: float


class Gpu(OpenModel):
    """A GPU of the gateway's machine."""

    index: int
    name: str
    memory_total_bytes: int
    memory_used_bytes: int
    utilization_percent: float


class Node(OpenModel):
    """A node of the cluster."""

    name: str
    ready: bool
    gpus: int
    gpus_used: int


class System(OpenModel):
    """The gateway's own machine, the nodes with their load, and the GPUs of the cluster."""

    time: str
    cpu_percent: float
    cpu_count: int
    memory: Usage
    disk: Usage
    gpus: list[Gpu]
    nodes: list[Node]
    gpus_total: int
    gpus_used: int


class Key(OpenModel):
    """An API key without its secret."""

    id: str
    """Public part."""
    name: str
    scopes: list[str]
    created: str
    expires: str | None = None
    revoked: str | None = None


class CreatedKey(Key):
    """A new key; the secret comes this once."""

    key: str = Field(repr=False)
    """The whole key."""


class Keys(Page):
    """All API keys, without their secrets."""

    keys: list[Key]


class Ahead(OpenModel):
    """The sessions that start first, and their GPUs."""

    sessions: int = 0
    gpus: int = 0


class Estimate(OpenModel):
    """When and where in its queue a session would start."""

    possible: bool
    """Whether it could ever start; if not, `message` says why."""
    starts_now: bool = False
    queue: str
    gpus: int
    position: int | None = None
    ahead: Ahead | None = None
    reason: str | None = None
    message: str
    estimated_start: dict[str, Any] | None = None


class Event(OpenModel):
    """Something that happened to a session."""

    kind: str
    """`metrics` (`points`), `logs` (`lines`), `phase` (parts of the status) or `end`."""
    data: dict[str, Any]
    id: str
    """Reconnect with this id to miss no later event."""
