"""The queue as the API shows it: the waiting sessions, their positions and reasons. Pure."""

from __future__ import annotations

from typing import Any

from trainyard_api.model import OpenModel
from trainyard_api.phase import WAITING
from trainyard_gateway.sessions.info import has_ended, phase_of
from trainyard_kube import Json


class QueueEntry(OpenModel):
    """A waiting session."""

    name: str
    uid: str
    queue: str
    priority: int
    gpus: int
    """GPUs that it asks for, over all workers."""
    phase: str
    position: int | None = None
    """1 is next; absent until the operator has placed it."""
    reason: str | None = None
    message: str | None = None
    estimated_start: dict[str, Any] | None = None


class QueueResponse(OpenModel):
    """Everyone who waits."""

    waiting: list[QueueEntry]


def waiting_sessions(bodies: list[Json]) -> QueueResponse:
    """Waiting sessions in their order; those without a place last."""
    entries = [_entry(b) for b in bodies if phase_of(b) in WAITING]
    last = len(bodies) + 1
    entries.sort(key=lambda e: (e.queue, e.position or last, e.name))
    return QueueResponse(waiting=entries)


def sessions_reading(bodies: list[Json], dataset: str) -> list[str]:
    """Names of the sessions that will read this dataset: those that name it and are not over."""
    return sorted(
        body["metadata"]["name"]
        for body in bodies
        if body["spec"].get("dataset") == dataset and not has_ended(body)
    )


def _entry(body: Json) -> QueueEntry:
    spec, status = body["spec"], body.get("status") or {}
    place = status.get("queue") or {}
    return QueueEntry(
        name=body["metadata"]["name"],
        uid=body["metadata"]["uid"],
        queue=spec.get("queue", "default"),
        priority=spec.get("priority", 0),
        gpus=(spec.get("resources") or {}).get("gpus", 0) * spec.get("workers", 1),
        phase=phase_of(body),
        position=place.get("position"),
        reason=place.get("reason"),
        message=place.get("message") or status.get("message"),
        estimated_start=place.get("estimatedStart"),
    )
