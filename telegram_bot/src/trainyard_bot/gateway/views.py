"""What the bot shows, as frozen values: the gateway's answers reduced to what fits on a phone. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

TERMINAL: Final = frozenset({"Succeeded", "Failed", "Stopped", "Cancelled"})
WAITING: Final = frozenset({"Pending", "Queued"})
ACTIVE: Final = frozenset({"Starting", "Running"})


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the last attempt failed."""

    kind: str
    attempt: int | None = None
    message: str = ""
    hint: str = ""
    exit_code: int | None = None
    last_lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """Where a waiting run stands; what is None is unknown."""

    position: int | None = None
    sessions_ahead: int | None = None
    gpus_ahead: int | None = None
    reason: str = ""
    earliest: datetime | None = None
    latest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is; what is None was not reported."""

    percent: float | None = None
    epoch: int | None = None
    epochs: int | None = None
    step: int | None = None
    total_steps: int | None = None
    steps_per_second: float | None = None
    eta_seconds: int | None = None
    checkpoint_step: int | None = None
    last_step: datetime | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One training session. `gpus` counts all workers; times carry a zone."""

    uid: str
    name: str
    phase: str
    message: str = ""
    dataset: str | None = None
    priority: int = 0
    queue: str = "default"
    gpus: int = 0
    attempt: int | None = None
    started: datetime | None = None
    attempt_started: datetime | None = None
    ended: datetime | None = None
    wait: Wait | None = None
    progress: Progress | None = None
    metrics: tuple[tuple[str, str], ...] = ()
    failure: Failure | None = None
    model: str | None = None
    model_version: int | None = None
    stall_timeout_seconds: int | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.phase in TERMINAL


@dataclass(frozen=True, slots=True)
class Series:
    """One metric over the steps, as (step, value) in rising step order; gaps are absent points."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Model:
    """One model, newest version; `versions` counts all."""

    name: str
    version: int | None = None
    versions: int = 1
    size_bytes: int | None = None
    created: datetime | None = None
    sha256: str = ""
    session: str | None = None
    metrics: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset; `columns` as (name, type)."""

    name: str
    format: str = ""
    samples: int | None = None
    size_bytes: int | None = None
    created: datetime | None = None
    dimensions: tuple[int, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU of the gateway's machine; utilization 0 to 100, memory in bytes."""

    name: str
    utilization: float
    memory_used: int
    memory_total: int


@dataclass(frozen=True, slots=True)
class Node:
    """One node of the cluster and its GPUs."""

    name: str
    ready: bool
    gpus_used: int
    gpus: int


@dataclass(frozen=True, slots=True)
class System:
    """The gateway's machine (CPU 0 to 100; memory and disk as bytes used and in all) and the cluster's GPUs."""

    cpu_percent: float
    memory: tuple[int, int]
    disk: tuple[int, int]
    gpus: tuple[Gpu, ...] = ()
    nodes: tuple[Node, ...] = ()
    gpus_used: int = 0
    gpus_total: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """A gateway error for people. `kind` is one of the keys of `messages.PROBLEMS`."""

    kind: str
    detail: str = ""
    fields: tuple[tuple[str, str], ...] = field(default=())
    retry_after: float | None = None
