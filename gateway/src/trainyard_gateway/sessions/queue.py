"""The queue as the API shows it: the waiting sessions, their positions and reasons. Pure."""

from __future__ import annotations

import re
from typing import Any

from trainyard_api.model import OpenModel
from trainyard_api.phase import WAITING
from trainyard_api.session.datasets import named_datasets
from trainyard_gateway.errors import BadRequest
from trainyard_gateway.sessions.info import has_ended, phase_of
from trainyard_kube import Json

_CURSOR = re.compile(r"([a-z0-9.-]{1,253})/([0-9]{1,10})/([a-z0-9.-]{1,253})")
_LAST = 2**31


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
    cursor: str | None = None
    """Give this as `cursor` for the next page; null on the last."""


def waiting_sessions(bodies: list[Json], cursor: str | None = None) -> list[QueueEntry]:
    """Waiting sessions after `cursor` in their order; those without a place last.

    Raises BadRequest for a cursor that no page gave.
    """
    entries = [_entry(b) for b in bodies if phase_of(b) in WAITING]
    entries.sort(key=_place)
    if cursor is None:
        return entries
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise BadRequest("the cursor is not one that a page of the queue gave; leave it out")
    before = (found[1], int(found[2]), found[3])
    return [entry for entry in entries if _place(entry) > before]


def cursor_after(entry: QueueEntry) -> str:
    """The cursor of a page that ends with this entry."""
    return "/".join(map(str, _place(entry)))


def sessions_reading(bodies: list[Json], dataset: str) -> list[str]:
    """Names of the sessions that will read this dataset: those that name it and are not over."""
    return sorted(
        body["metadata"]["name"]
        for body in bodies
        if dataset in named_datasets(body["spec"]) and not has_ended(body)
    )


def _place(entry: QueueEntry) -> tuple[str, int, str]:
    return entry.queue, entry.position or _LAST, entry.name


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
