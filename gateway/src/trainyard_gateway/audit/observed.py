"""What changed in a session of the cluster, and by which client. Pure.

Kubernetes keeps for each client that wrote an object which fields it owns, and when it wrote them
(`metadata.managedFields`); a client names itself. It does not keep names of users.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, field, replace
from typing import Any, Final

import orjson

from trainyard_api import names, timestamps
from trainyard_api.phase import TERMINAL
from trainyard_gateway.audit.event import (
    MOST_DETAIL,
    AuditEvent,
    AuditKind,
    AuditVerb,
    Channel,
    bounded,
)
from trainyard_gateway.audit.managers import entries_of, maker_of, manager_of
from trainyard_gateway.audit.marks import job_events
from trainyard_kube import Json

_LONGEST: Final = 48
"""Characters of a value that are kept; of longer ones, and of those that may hold a secret, a
hash."""
_SHOWN: Final = frozenset(
    {
        "spec.desiredState", "spec.priority", "spec.queue", "spec.dataset",
        f"labels.{names.LABEL_USER}", f"labels.{names.LABEL_TEAM}",
        f"labels.{names.LABEL_VISIBILITY}", f"labels.{names.LABEL_KEY}",
    }
)  # fmt: skip
_MOST_FIELDS: Final = 10
"""Fields that an event names."""
_UNNAMED: Final = frozenset(
    {
        f"annotations.{names.ANNOTATION_CHANGED_BY}",
        "annotations.kubectl.kubernetes.io/last-applied-configuration",
    }
)


@dataclass(frozen=True, slots=True)
class SeenState:
    """What was seen of a session."""

    fields: Mapping[str, str] = field(default_factory=dict)
    """Value of each field that people change, or its hash."""
    written: Mapping[str, str] = field(default_factory=dict)
    """When each client wrote last."""
    deleting: bool = False
    generation: int = 0
    version: int = 0
    """The object's resourceVersion."""

    def wire(self) -> str:
        """As text for the database."""
        return orjson.dumps(astuple(self)).decode()

    @classmethod
    def read(cls, text: str) -> SeenState:
        """From such a text."""
        return cls(*orjson.loads(text))


def seen_state(body: Json) -> SeenState:
    """What is to be seen of a session now."""
    metadata = body["metadata"]
    deleting = bool(metadata.get("deletionTimestamp"))
    found = dict(_leaves("spec", body.get("spec") or {}))
    for part in ("labels", "annotations"):
        found |= dict(_leaves(part, metadata.get(part) or {}))
    if not deleting:
        for part in ("finalizers", "ownerReferences"):
            if given := metadata.get(part):
                found[part] = _kept(part, given)
    written = {f"{e.manager}/{e.operation}": e.time for e in entries_of(metadata)}
    fields = {path: value for path, value in found.items() if path not in _UNNAMED}
    return SeenState(fields, written, deleting, metadata.get("generation") or 0, version_of(body))


def version_of(body: Json) -> int:
    """An object's resourceVersion; 0 without one."""
    return int(body["metadata"].get("resourceVersion") or 0)


def _leaves(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for name, below in value.items():
            yield from _leaves(f"{path}.{name}", below)
    elif value != {}:
        yield path, _kept(path, value)


def _kept(path: str, value: Any) -> str:
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    if path in _SHOWN and len(text) <= _LONGEST:
        return text.decode()
    return f"#{hashlib.sha256(text).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class Watched:
    """What an installation says of the changes of its sessions."""

    names_users: bool = False
    """Whether the API server writes the annotation with the user of the last change."""
    retention_seconds: int | None = None
    """After which time the operator deletes ended sessions that name no other time."""


def events_of(
    before: SeenState | None, body: Json, watched: Watched, now: int, *, deleted: bool = False
) -> list[AuditEvent]:
    """What happened to a session since `before`, not by the gateway's routes.

    `before`: None for a session that is seen first. `deleted`: whether it is gone.
    """
    trusted = watched.names_users
    state = seen_state(body)
    found = [] if before is None else _changes(before, state, body, now, trusted=trusted)
    if before is None and (made := _creation(body, now, trusted=trusted)) is not None:
        found.append(made)
    if deleted or state.deleting:
        found += gone_events(before, body, watched, now)
    return [*found, *job_events(body, now)]


def gone_events(
    before: SeenState | None, body: Json, watched: Watched, now: int
) -> list[AuditEvent]:
    """The deletion of a session, unless it was seen before; `body` is the last that is known."""
    if before is not None and before.deleting:
        return []
    by_operator = _is_due(body, watched.retention_seconds, now)
    return [_deletion(body, now, by_operator=by_operator)]


def _creation(body: Json, now: int, *, trusted: bool) -> AuditEvent | None:
    metadata = body["metadata"]
    entries = entries_of(metadata)
    maker, labels = maker_of(entries), metadata.get("labels") or {}
    # The gateway gives each session a team, and no user may: another client can take its name only.
    if maker == names.GATEWAY_FIELD_MANAGER and names.LABEL_TEAM in labels:
        return None
    # The annotation names who wrote last: who made it only where no write has followed.
    first = all(entry.time == metadata.get("creationTimestamp") for entry in entries)
    user = _user(metadata, trusted=trusted and first)
    user = user or labels.get(names.LABEL_USER, "")
    return _event(body, AuditVerb.CREATE, maker, now, user=user)


def _changes(
    before: SeenState, state: SeenState, body: Json, now: int, *, trusted: bool
) -> list[AuditEvent]:
    changed = (
        path
        for path in before.fields.keys() | state.fields.keys()
        if before.fields.get(path) != state.fields.get(path)
        and not (state.deleting and path in ("finalizers", "ownerReferences"))
        # A new version of the definition has other defaults, which no client wrote.
        and not (path.startswith("spec.") and before.generation == state.generation)
    )
    paths = sorted(changed, key=_rank)
    entries = entries_of(body["metadata"])
    by_manager: dict[str, list[str]] = {}
    for path in paths:
        by_manager.setdefault(manager_of(path, entries, before.written), []).append(path)
    user = _user(body["metadata"], trusted=trusted)
    return [
        _event(
            body, AuditVerb.UPDATE, manager, now, user=user, detail=_detail(before, state, changed)
        )
        for manager, changed in by_manager.items()
        # The operator writes statuses only: who calls itself so here is another client.
        if manager != names.GATEWAY_FIELD_MANAGER
    ]


def _rank(path: str) -> tuple[bool, bool, str]:
    """First what an event shows and the spec, which labels and annotations of any name follow."""
    return path not in _SHOWN, not path.startswith("spec."), path


def _detail(before: SeenState, state: SeenState, paths: list[str]) -> str:
    shown = [_change(before.fields.get(p), state.fields.get(p), p) for p in paths[:_MOST_FIELDS]]
    more = len(paths) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _change(old: str | None, new: str | None, path: str) -> str:
    if path in _SHOWN:
        shown = [
            "none" if text is None else "…" if text[:1] == "#" else text.strip('"')
            for text in (old, new)
        ]
        return f"{path}: {shown[0]} → {shown[1]}"
    return f"{path} {'added' if old is None else 'removed' if new is None else 'changed'}"


def _is_due(body: Json, retention: int | None, now: int) -> bool:
    """Whether the operator deletes a session: it ended so long ago."""
    status = body.get("status") or {}
    kept = (body.get("spec") or {}).get("ttlSecondsAfterFinished", retention)
    ended = timestamps.parse_seconds(status.get("completionTime"))
    if status.get("phase") not in TERMINAL or kept is None or ended is None:
        return False
    return bool(ended + kept <= now / 1_000_000)


def _deletion(body: Json, now: int, *, by_operator: bool) -> AuditEvent:
    if by_operator:
        found = _event(body, AuditVerb.DELETE, names.OPERATOR_FIELD_MANAGER, now)
        return replace(found, channel=Channel.OPERATOR, detail="its time after the end was over")
    finalizers = body["metadata"].get("finalizers") or []
    cascade = {"orphan": "orphan", "foregroundDeletion": "foreground"}
    how = next((f"cascade={cascade[f]}" for f in finalizers if f in cascade), "")
    return _event(body, AuditVerb.DELETE, "", now, detail=how)


def _micros(text: object) -> int | None:
    seconds = timestamps.parse_seconds(text)
    return None if seconds is None else int(seconds * 1_000_000)


def _user(metadata: Json, *, trusted: bool) -> str:
    if not trusted:
        return ""
    return str((metadata.get("annotations") or {}).get(names.ANNOTATION_CHANGED_BY, ""))


def _event(
    body: Json, verb: AuditVerb, manager: str, now: int, *, user: str = "", detail: str = ""
) -> AuditEvent:
    metadata = body["metadata"]
    mark = f"{metadata['uid']}:{verb}"
    if verb is AuditVerb.UPDATE:
        manager_hash = hashlib.sha256(manager.encode()).hexdigest()[:8]
        mark = f"{mark}:{metadata.get('resourceVersion', '')}:{manager_hash}"
    return AuditEvent(
        time=_micros(metadata.get(_TIMES.get(verb))) or now,
        verb=verb,
        kind=AuditKind.SESSION,
        object=metadata["name"],
        channel=Channel.KUBECTL,
        user=bounded(user, 256),
        credential=bounded(manager, 64),
        uid=metadata["uid"],
        detail=bounded(detail, MOST_DETAIL),
        mark=mark,
    )


_TIMES: Final = {AuditVerb.CREATE: "creationTimestamp", AuditVerb.DELETE: "deletionTimestamp"}
