"""The event of a request to the REST API or by MLflow's protocol. Pure.

Requests that change something are events, also refused ones. Requests without a valid credential
are in the log of attempts to authenticate; what programs report is in their session's history.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson

from trainyard_gateway.audit.event import (
    MOST_DETAIL,
    AuditEvent,
    AuditKind,
    AuditVerb,
    Channel,
    bounded,
)

METHODS: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
"""Requests by others change nothing."""
DATA: Final[Mapping[str, str]] = {
    "POST /training/estimate": "changes nothing",
    "POST /code/contents": "a part of a bundle, whose creation is an event",
    "PUT /code/contents/{sha256}": "the same",
    "PUT /uploads/datasets/{upload}/parts/{number}": "a part of an upload, whose end is an event",
    "PUT /uploads/models/{upload}/parts/{number}": "the same",
    "POST /login/sso/device": "there is no user yet; the end is in the log of attempts",
    "POST /login/sso/device/end": "the same",
    "POST /report/batches": "what a program reports is in the history of its session",
    "POST /report/model": "the same",
    "POST /report/tree": "the same",
    "POST /report/node": "the same",
}
"""Routes that are no events, and why not."""
_KINDS: Final[Mapping[str, AuditKind]] = {
    "training": AuditKind.SESSION,
    "datasets": AuditKind.DATASET,
    "models": AuditKind.MODEL,
    "uploads": AuditKind.UPLOAD,
    "code": AuditKind.CODE,
    "users": AuditKind.USER,
    "teams": AuditKind.TEAM,
    "keys": AuditKind.KEY,
    "login": AuditKind.LOGIN,
    "logins": AuditKind.LOGIN,
    "limits": AuditKind.LIMIT,
    "notices": AuditKind.NOTICE,
    "experiments": AuditKind.EXPERIMENT,
    "runs": AuditKind.RUN,
    "registered-models": AuditKind.MODEL,
    "model-versions": AuditKind.MODEL,
    "logged-models": AuditKind.MODEL,
}
"""By the first part of a path below the API's root."""
_VERBS: Final = {
    "POST": AuditVerb.CREATE,
    "PUT": AuditVerb.UPDATE,
    "PATCH": AuditVerb.UPDATE,
    "DELETE": AuditVerb.DELETE,
}
_VALUES: Final = frozenset(
    {
        "role", "teams", "team", "user", "visibility", "priority", "queue", "scopes", "name",
        "maxGpus", "gpuHours", "period", "whenSpent", "maxPriority", "queues", "expires",
        "desiredState", "dataset", "stage", "alias", "version",
    }
)  # fmt: skip
"""Fields whose values hold no secret."""
API_ROOT: Final = "/api/v1"
_ROOTS: Final = (f"{API_ROOT}/", "/mlflow/api/2.0/mlflow/")
_MOST_VALUE: Final = 80
_REPORTED: Final = frozenset(
    {
        "log-metric", "log-parameter", "log-batch", "log-inputs", "outputs", "set-tag",
        "delete-tag", "update", "search", "params", "tags",
    }
)  # fmt: skip
"""What programs do with runs and logged models all the time."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as its route was found."""

    method: str
    path: str
    """The route's template, with the root of its API."""
    parameters: Mapping[str, Any]
    """Those of the path."""
    named: str = ""
    """What the request's body names, in MLflow's protocol."""
    location: str = ""
    """The answer's header of that name."""
    body: bytes = b""
    """Empty of a request that was not read whole."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who sent a request."""

    user: str
    channel: Channel
    credential: str
    client: str


@lru_cache(maxsize=1024)
def is_event(method: str, path: str) -> bool:
    """Whether requests to a route are events."""
    if method not in METHODS or (root := _root(path)) is None:
        return False
    below = path.removeprefix(root)
    first, _, _ = below.partition("/")
    # A path without a kind has no method that changes anything: such a request is refused by 405.
    if first not in _KINDS:
        return False
    if root == _ROOTS[0]:
        return f"{method} /{below}" not in DATA
    last = below.rpartition("/")[2]
    if last == "search":
        return False
    reported = last in _REPORTED or method == "PATCH" or "/tags" in below or below == first
    return not (first in ("runs", "logged-models") and reported)


def event_of(
    asked: Asked, who: Who, status: int, time: int, request_id: str = "", uid: str = ""
) -> AuditEvent:
    """The event of a request for which `is_event` holds."""
    below = asked.path.removeprefix(_root(asked.path) or "")
    verb, action = _verb(asked.method, below)
    detail = ", ".join(part for part in (action, *_fields(asked.body)) if part)
    return AuditEvent(
        time=time,
        verb=verb,
        kind=_kind(below),
        object=bounded(_object(asked), 256),
        channel=who.channel,
        user=bounded(who.user, 256),
        credential=bounded(who.credential, 64),
        client=who.client,
        uid=bounded(uid, 64),
        status=status,
        detail=bounded(detail, MOST_DETAIL),
        request_id=request_id,
    )


def _root(path: str) -> str | None:
    return next((root for root in _ROOTS if path.startswith(root)), None)


def _kind(below: str) -> AuditKind:
    if below.startswith("notices/receivers"):
        return AuditKind.RECEIVER
    return _KINDS[below.partition("/")[0]]


def _verb(method: str, below: str) -> tuple[AuditVerb, str]:
    """The verb, and the word for what more there is to say."""
    parts = below.split("/")
    last = parts[-1]
    if parts[0] == "training" and method == "DELETE":
        return AuditVerb.UPDATE, "cancel"
    if last in ("create", "delete"):
        return AuditVerb(last), ""
    if method == "POST" and len(parts) > 1 and not last.startswith("{") and last not in _MADE:
        return AuditVerb.UPDATE, last
    verb = _VERBS[method]
    inner = len(parts) > 2 and not last.startswith("{") and verb is not AuditVerb.CREATE
    if verb is AuditVerb.DELETE and (
        inner or "versions" in parts or last in ("delete-tag", "alias")
    ):
        return (AuditVerb.DELETE, "version") if "versions" in parts else (AuditVerb.UPDATE, last)
    return verb, last if inner else ""


_MADE: Final = frozenset({"start", "bundles", "datasets", "models", "receivers"})
"""Last parts of paths that make something."""


def _object(asked: Asked) -> str:
    given = [str(value) for name, value in asked.parameters.items() if name != "number"]
    if given:
        return "/".join(given)
    if asked.named:
        return asked.named
    parts = [part for part in asked.location.split("?")[0].split("/") if part]
    if parts and parts[-1] == "status":
        parts.pop()
    return parts[-1] if parts and asked.location.startswith("/api/") else _name_in(asked.body)


def _name_in(body: bytes) -> str:
    name = _parsed(body).get("name")
    return name if isinstance(name, str) else ""


def _fields(body: bytes) -> list[str]:
    return [
        f"{name}={_short(value)}" if name in _VALUES else str(name)
        for name, value in list(_parsed(body).items())[:20]
    ]


def _short(value: object) -> str:
    try:
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # Lists in lists, or what no text or 64-bit number can be.
        text = "…"
    return text if len(text) <= _MOST_VALUE else f"{text[:_MOST_VALUE]}…"


def _parsed(body: bytes) -> dict[str, Any]:
    if not body or len(body) > _MOST_BODY:
        return {}
    try:
        # As the framework reads it: of other JSON, as in UTF-16, the event would name no field.
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


_MOST_BODY: Final = 1 << 20
"""Bytes of a body that is read again here: all that most routes take, so that no spaces hide what
was asked for."""
