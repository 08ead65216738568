"""The runs of sessions: each session has one, whose state follows the session's phase."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import orjson
from sqlalchemy import Connection, select, update

from trainyard_api import mlflow, names, timestamps
from trainyard_api.phase import TERMINAL, Phase
from trainyard_gateway.store.runs.rows import RunRow
from trainyard_gateway.store.schema.run_tables import runs
from trainyard_gateway.store.sessions import SessionRow
from trainyard_gateway.store.sql.dialect import upsert

_STATUS = {
    Phase.SUCCEEDED: "FINISHED",
    Phase.FAILED: "FAILED",
    Phase.STOPPED: "KILLED",
    Phase.CANCELLED: "KILLED",
    Phase.RUNNING: "RUNNING",
    Phase.SUSPENDING: "RUNNING",
    Phase.STOPPING: "RUNNING",
}
GONE = "Deleted"
"""The phase of a session that left the cluster before it ended."""


def status_of(phase: str) -> str:
    """The state of a run, from the phase of its session: what waits is SCHEDULED. Pure."""
    if phase == GONE:
        return "KILLED"
    return _STATUS.get(Phase(phase), "SCHEDULED") if phase in set(Phase) else "SCHEDULED"


def run_of(row: SessionRow) -> RunRow:
    """The run of a session. Pure."""
    body = orjson.loads(row.object)
    status = body.get("status") or {}
    phase = str(status.get("phase") or Phase.PENDING)
    if row.deleted and phase not in TERMINAL:
        phase = GONE
    started = _millis(status.get("startTime")) or _millis(row.created) or 0
    user = (body["metadata"].get("labels") or {}).get(names.LABEL_USER) or ""
    return RunRow(
        id=mlflow.run_id_of(row.uid),
        experiment_id=mlflow.DEFAULT_EXPERIMENT_ID,
        session_uid=row.uid,
        series_key=row.uid,
        owner=user,
        name=row.name,
        user=user,
        status=status_of(phase),
        phase=phase,
        start_time=started,
        end_time=_millis(status.get("completionTime")),
        lifecycle="active",
    )


def save(connection: Connection, rows: Sequence[SessionRow]) -> None:
    """Make the runs of sessions, or let them follow their sessions."""
    statement = upsert(connection, runs)
    changing = ("status", "phase", "start_time", "end_time")
    new = {name: statement.excluded[name] for name in changing}
    connection.execute(
        statement.on_conflict_do_update(index_elements=["id"], set_=new),
        [run_of(row)._asdict() for row in rows if mlflow.is_run_id(mlflow.run_id_of(row.uid))],
    )


def mark_gone_except(connection: Connection, present: AbstractSet[str]) -> None:
    """Runs of sessions that are not in `present` and had not ended are over."""
    query = select(runs.c.id, runs.c.session_uid).where(
        runs.c.phase.is_not(None), runs.c.status.in_(("RUNNING", "SCHEDULED"))
    )
    gone = [r.id for r in connection.execute(query) if r.session_uid not in present]
    for start in range(0, len(gone), _AT_ONCE):
        some = runs.c.id.in_(gone[start : start + _AT_ONCE])
        connection.execute(update(runs).where(some).values(status="KILLED", phase=GONE))


_AT_ONCE = 500


def _millis(text: Any) -> int | None:
    found = timestamps.parse(text) if isinstance(text, str) else None
    return int(found.timestamp() * 1000) if found is not None else None
