"""An event of the audit log. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from trainyard_api.phase import TextEnum
from trainyard_api.visible_text import visible

MOST_DETAIL: Final = 500
"""Characters of a detail."""


class Channel(TextEnum):
    """By what a change came in."""

    KEY = "key"
    """A request with an API key, or with the key of a command line's login."""
    BROWSER = "browser"
    """A request with the cookie of a login."""
    BOT = "bot"
    """A request with a key, of a program that calls itself the Telegram bot."""
    PROGRAM = "program"
    """A request of a session's pod, with the pod's token."""
    KUBECTL = "kubectl"
    """A change in the cluster by any client but the gateway and the operator."""
    OPERATOR = "operator"
    """The operator, by itself."""


class AuditVerb(TextEnum):
    """What was done; Kubernetes' words."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class AuditKind(TextEnum):
    """What it was done to."""

    SESSION = "session"
    DATASET = "dataset"
    MODEL = "model"
    UPLOAD = "upload"
    CODE = "code"
    RUN = "run"
    EXPERIMENT = "experiment"
    USER = "user"
    TEAM = "team"
    KEY = "key"
    LOGIN = "login"
    LIMIT = "limit"
    RECEIVER = "receiver"
    NOTICE = "notice"
    JOB = "job"
    POD = "pod"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Who did what to which object."""

    time: int
    """Microseconds since the epoch."""
    verb: AuditVerb
    kind: AuditKind
    object: str
    """Name or id, as the caller gave it or as the object has it."""
    channel: Channel
    user: str = ""
    """Name of the user; empty if it is not known."""
    credential: str = ""
    """Public part of the key, id of the login, UID of the program's session; of a change in the
    cluster the name that the client gave of itself."""
    client: str = ""
    """Address."""
    uid: str = ""
    """UID of a session."""
    status: int = 0
    """HTTP status of the answer; 0 of what was seen in the cluster."""
    detail: str = ""
    """What was asked for or changed: names of fields, and values of those that hold no secret."""
    request_id: str = ""
    mark: str | None = None
    """Of a change in the cluster, what no other change has."""


def bounded(text: str, most: int) -> str:
    """A text without control characters, of at most so many characters."""
    shown = visible(text[:most])
    return shown if len(shown) <= most else shown[:most]
