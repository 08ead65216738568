"""Training sessions, the queue, and estimates."""

from __future__ import annotations

from typing import Any

from trainyard.models.curves import Curve
from trainyard.models.page import Page
from trainyard_api.model import OpenModel
from trainyard_api.phase import TERMINAL, Phase
from trainyard_api.session.spec import TrainingSessionSpec
from trainyard_api.session.status import TrainingSessionStatus


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


class SessionPage(Page):
    """One page of sessions, newest first."""

    sessions: list[Session]
    total: int


class Comparison(OpenModel):
    """Several sessions side by side, with their curves of one metric."""

    sessions: list[Session]
    curves: list[Curve]
    unknown: list[str]
    """What is asked for and not there."""


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
