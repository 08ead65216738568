"""A session as the API shows it. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

from trainyard_api import names
from trainyard_api.model import OpenModel
from trainyard_api.phase import TERMINAL, Phase
from trainyard_api.rights.owner import Visibility
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
    team: str | None = None
    """Absent of a session by `kubectl` without the label: the first team of its user."""
    visibility: str = Visibility.TEAM.value
    """`private`, `team` or `all`."""
    deleted: bool = False
    """Whether the cluster no longer has it; its history stays."""
    spec: dict[str, Any]
    status: dict[str, Any] = {}


class Owned(NamedTuple):
    """What the labels of a session's object say of its owner."""

    name: str
    user: str | None
    team: str | None
    visibility: str


def owned(body: Json) -> Owned:
    """Whose a Kubernetes object says that it is."""
    labels = body["metadata"].get("labels") or {}
    return Owned(
        body["metadata"]["name"],
        labels.get(names.LABEL_USER),
        labels.get(names.LABEL_TEAM),
        labels.get(names.LABEL_VISIBILITY) or Visibility.TEAM.value,
    )


def session_info(body: Json, deleted: bool = False) -> SessionInfo:
    """The session of a Kubernetes object."""
    metadata, status = body["metadata"], body.get("status") or {}
    whose = owned(body)
    return SessionInfo(
        name=metadata["name"],
        uid=metadata["uid"],
        namespace=metadata.get("namespace", ""),
        phase=phase_of(body),
        created=metadata["creationTimestamp"],
        user=whose.user,
        team=whose.team,
        visibility=whose.visibility,
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
