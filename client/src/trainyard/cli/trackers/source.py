"""What an import reads: experiments, runs, values and files of another tracker."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

STATUSES = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")


class CannotRead(Exception):
    """The source is none, does not answer, or holds what cannot be read; one sentence."""


class SourceAway(CannotRead):
    """The source has answered, and does not any more."""


class Point(NamedTuple):
    """One value of a metric."""

    value: str
    """A number as text, also NaN, Infinity and -Infinity."""
    timestamp: int
    """Milliseconds since 1970."""
    step: int


def protocol_number(value: float) -> str:
    """A number as MLflow's protocol writes it. Pure."""
    if math.isfinite(value):
        return repr(float(value))
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


class File(NamedTuple):
    """A file of a run."""

    path: str
    size: int | None
    """None if the source does not say it."""
    changed: int = 0
    """Nanoseconds since 1970; 0 if the source does not say it."""


@dataclass(frozen=True)
class Experiment:
    """An experiment."""

    id: str
    name: str
    tags: dict[str, str] = field(default_factory=dict)
    deleted: bool = False


@dataclass(frozen=True)
class Run:
    """A run without its values and files."""

    id: str
    name: str = ""
    user: str = ""
    status: str = "FINISHED"
    start_time: int = 0
    """Milliseconds since 1970, as `end_time`."""
    end_time: int | None = None
    deleted: bool = False
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    artifacts: str = ""
    """Where the source keeps its files."""
    metrics: Mapping[str, str] = field(default_factory=dict)
    """Names of its metrics, each with a text that is another one when its history has grown."""
    inputs: tuple[dict[str, Any], ...] = ()
    """Datasets that it used, as the protocol's `runs/log-inputs` takes them."""


@dataclass(frozen=True)
class Unreadable:
    """A run, a model or a version that cannot be read."""

    name: str
    problem: str


@dataclass(frozen=True)
class RegisteredModel:
    """A registered model without its versions."""

    name: str
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    """Numbers of versions by alias."""


@dataclass(frozen=True)
class ModelVersion:
    """A version of a registered model without its files."""

    name: str
    number: int
    run: str = ""
    """Id of the run that made it at the source; empty without one."""
    created: int = 0
    """Milliseconds since 1970."""
    description: str = ""
    stage: str = "None"
    tags: dict[str, str] = field(default_factory=dict)


class ModelSource(Protocol):
    """A model registry. Methods raise CannotRead."""

    def models(self) -> Iterator[RegisteredModel | Unreadable]:
        """All registered models."""
        ...

    def versions(self, model: RegisteredModel) -> Iterator[ModelVersion | Unreadable]:
        """All versions of a registered model, the oldest first."""
        ...

    def version_files(self, version: ModelVersion) -> Iterator[File]:
        """All files of a version."""
        ...

    def fetch_of_version(self, version: ModelVersion, file: File, folder: Path) -> Path:
        """Where the content of a file is: where the source has it, or new in `folder`."""
        ...


class Source(Protocol):
    """Another tracker. Methods raise CannotRead."""

    def experiments(self) -> Iterator[Experiment]:
        """All experiments, those that were deleted, too."""
        ...

    def runs(self, experiment: Experiment) -> Iterator[Run | Unreadable]:
        """All runs of an experiment, those that were deleted, too."""
        ...

    def points(self, run: Run, metric: str) -> Iterator[Point]:
        """The whole history of a metric."""
        ...

    def files(self, run: Run) -> Iterator[File]:
        """All files of a run."""
        ...

    def fetch(self, run: Run, file: File, folder: Path) -> Path:
        """Where the content of a file is: where the source has it, or new in `folder`."""
        ...

    def registry(self) -> ModelSource | None:
        """What reads its registered models; None if it has none."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...
