"""A session as the API shows it. Pure."""

from __future__ import annotations

from typing import Any

from trainyard_api import names
from trainyard_api.model import OpenModel
from trainyard_api.phase import TERMINAL, Phase
from trainyard_kube import Json


class SessionInfo(OpenModel):
    """A session as the API shows it."""

    name: str
    uid: str
    namespace: str
    phase: str
    """Pending until the operator has seen it."""
    created: str
    user: str | None = None
    deleted: bool = False
    """Whether the cluster no longer has it; its history stays."""
    spec: dict[str, Any]
    status: dict[str, Any] = {}


def session_info(body: Json, deleted: bool = False) -> SessionInfo:
    """The session of a Kubernetes object."""
    metadata, status = body["metadata"], body.get("status") or {}
    labels = metadata.get("labels") or {}
    return SessionInfo(
        name=metadata["name"],
        uid=metadata["uid"],
        namespace=metadata.get("namespace", ""),
        phase=phase_of(body),
        created=metadata["creationTimestamp"],
        user=labels.get(names.LABEL_USER),
        deleted=deleted,
        spec=body["spec"],
        status=status,
    )


def phase_of(body: Json) -> str:
    """The phase of a session's object: Pending until the operator has written one."""
    return str((body.get("status") or {}).get("phase") or Phase.PENDING)


def has_ended(body: Json) -> bool:
    """Whether a session's object is in a terminal phase."""
    return phase_of(body) in TERMINAL
