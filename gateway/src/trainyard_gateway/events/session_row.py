"""A session as a row of a table: what one looks at, without its whole spec. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from trainyard_api import names
from trainyard_api.model import OpenModel
from trainyard_api.session.datasets import named_datasets
from trainyard_gateway.sessions.info import phase_of
from trainyard_gateway.sessions.reported.measured import Measured
from trainyard_kube import Json

MOST_COMMAND = 200
"""Characters of a command."""
MOST_LABELS = 16
_SYSTEM_LABEL = re.compile(r"(^|\.)(kubernetes\.io|k8s\.io|trainyard\.io)/")


class SessionTableRow(OpenModel):
    """A session as a row of a table."""

    name: str
    uid: str
    phase: str
    """Pending until the operator has seen it."""
    created: str
    user: str | None = None
    labels: dict[str, str] = {}
    """Labels of its object that are not Kubernetes' or Trainyard's own; at most 16, by name."""
    queue: str
    priority: int
    gpus: int
    """GPUs over all workers."""
    dataset: str | None = None
    """The dataset that it names; of several their names with a comma and a space between them."""
    command: str | None = None
    """Its first 200 characters."""
    message: str | None = None
    """One sentence on why it is in this phase."""
    position: int | None = None
    """In the queue; 1 is next."""
    estimated_start: dict[str, Any] | None = None
    """`earliest` and `latest`, while it waits."""
    progress: dict[str, Any] | None = None
    metrics: list[dict[str, Any]] = []
    """Latest value of each metric, at most 32."""
    failure: str | None = None
    """Class of the last failure."""
    start_time: str | None = None
    completion_time: str | None = None


class RowValues(OpenModel):
    """What has been measured since a row was sent."""

    uid: str
    progress: dict[str, Any]
    metrics: list[dict[str, Any]]


class SessionsEvent(OpenModel):
    """An event `sessions` of the stream of all sessions."""

    sessions: list[SessionTableRow]
    """Rows in place of those with the same UID."""
    values: list[RowValues] = []
    """Progress and metrics in place of those of the row with the same UID."""
    gone: list[str]
    """UIDs of sessions that the cluster no longer has."""
    reset: bool
    """Whether to forget all other rows first."""


def session_row(body: Json, found: Measured | None = None) -> SessionTableRow:
    """The row of a Kubernetes object, with what was measured after its status was written."""
    metadata, spec, status = body["metadata"], body["spec"], body.get("status") or {}
    place = status.get("queue") or {}
    command = " ".join(map(str, spec.get("command") or ()))
    labels = metadata.get("labels") or {}
    return SessionTableRow(
        name=metadata["name"],
        uid=metadata["uid"],
        phase=phase_of(body),
        created=metadata["creationTimestamp"],
        user=labels.get(names.LABEL_USER),
        labels=own_labels(labels),
        queue=spec.get("queue", "default"),
        priority=spec.get("priority", 0),
        gpus=(spec.get("resources") or {}).get("gpus", 0) * spec.get("workers", 1),
        dataset=", ".join(named_datasets(spec)) or None,
        command=command[:MOST_COMMAND] or None,
        message=place.get("message") or status.get("message"),
        position=place.get("position"),
        estimated_start=place.get("estimatedStart"),
        progress=status.get("progress") if found is None else found.progress,
        metrics=(status.get("metrics") or []) if found is None else found.metrics,
        failure=(status.get("failure") or {}).get("class"),
        start_time=status.get("startTime"),
        completion_time=status.get("completionTime"),
    )


def own_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels that people have given to a session. Pure."""
    given = [name for name in sorted(labels) if not _SYSTEM_LABEL.search(name)]
    return {name: labels[name] for name in given[:MOST_LABELS]}
