"""Writes what changes in the cluster's sessions into the audit log.

Guarantees:

- Each change is written once, however often it is seen and by however many gateways: in the
  transaction that remembers the session as it is now.
- What changed while no gateway ran is written when one runs again; several changes of one field
  are one then.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet

import orjson

from trainyard_gateway.audit.event import AuditEvent
from trainyard_gateway.audit.marks import job_marks
from trainyard_gateway.audit.observed import (
    SeenState,
    Watched,
    events_of,
    gone_events,
    seen_state,
    version_of,
)
from trainyard_gateway.audit.trail import row_of
from trainyard_gateway.store import sessions
from trainyard_gateway.store.access import audit
from trainyard_gateway.store.database import Connection
from trainyard_kube import Json

_COMPARED = ("labels", "annotations", "deletionTimestamp", "finalizers", "ownerReferences")


class ClusterChanges:
    """Compares sessions with what was seen of them before."""

    def __init__(self, watched: Watched, clock: Callable[[], float] = time.time) -> None:
        self._watched, self._clock = watched, clock
        self._marks: dict[str, tuple[object, ...]] = {}

    def changed(self, bodies: Iterable[Json], *, deleted: bool = False) -> list[Json]:
        """Those that may have changed in what is audited since `saved`."""
        return [
            body
            for body in bodies
            if deleted or self._marks.get(body["metadata"]["uid"]) != _mark(body)
        ]

    def saved(self, bodies: Iterable[Json], *, deleted: bool = False) -> None:
        """The transaction with `write` is durable."""
        for body in bodies:
            uid = body["metadata"]["uid"]
            if deleted:
                self._marks.pop(uid, None)
            else:
                self._marks[uid] = _mark(body)

    def write(self, connection: Connection, bodies: Sequence[Json], *, deleted: bool) -> None:
        """Write what changed, and remember these sessions as they are."""
        if not bodies:
            return
        uids = [body["metadata"]["uid"] for body in bodies]
        before = {uid: SeenState.read(t) for uid, t in audit.states(connection, uids).items()}
        found: list[AuditEvent] = []
        newest: dict[str, str] = {}
        for uid, body in zip(uids, bodies, strict=True):
            known = before.get(uid)
            if known is not None and not deleted and known.version > version_of(body):
                continue  # Another gateway has seen more.
            found += events_of(known, body, self._watched, self._now(), deleted=deleted)
            newest[uid] = seen_state(body).wire()
        audit.append(connection, [row_of(event) for event in found])
        if deleted:
            audit.forget_states(connection, uids)
        else:
            audit.save_states(connection, newest)

    def write_gone(self, connection: Connection, present: AbstractSet[str], version: int) -> None:
        """Write the deletions of sessions that were seen before and are not in a list.

        `version`: of the list. What another gateway has seen of later is not gone.
        """
        self._marks = {uid: mark for uid, mark in self._marks.items() if uid in present}
        absent = [uid for uid in audit.all_states(connection) if uid not in present]
        states = {uid: SeenState.read(t) for uid, t in audit.states(connection, absent).items()}
        gone = {uid: state for uid, state in states.items() if state.version <= version}
        rows = [row for uid in gone if (row := sessions.find(connection, uid)) is not None]
        found: list[AuditEvent] = []
        for row in rows:
            if row.uid in gone:
                body, before = orjson.loads(row.object), gone[row.uid]
                found += gone_events(before, body, self._watched, self._now())
        audit.append(connection, [row_of(event) for event in found])
        audit.forget_states(connection, list(gone))

    def _now(self) -> int:
        return int(self._clock() * 1_000_000)


def _mark(body: Json) -> tuple[object, ...]:
    metadata = body["metadata"]
    return (metadata.get("generation"), *(metadata.get(n) for n in _COMPARED), *job_marks(body))
