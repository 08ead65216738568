"""What trainers report, applied exactly once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from trainyard_api.report import Batch, Heartbeat
from trainyard_gateway.clock import text
from trainyard_gateway.store.tables import batches, logs, metrics, progress

_SPECIAL = frozenset({"NaN", "Infinity", "-Infinity"})


@dataclass(frozen=True, slots=True)
class Applied:
    """What a batch did."""

    duplicate: bool


def apply(connection: Connection, batch: Batch) -> Applied:
    """Store everything of a batch unless it is there already."""
    identity = {
        "session_uid": batch.session_uid,
        "attempt": batch.attempt,
        "stream": batch.stream,
        "sequence": batch.sequence,
    }
    mark = connection.execute(insert(batches).values(identity).on_conflict_do_nothing())
    if mark.rowcount == 0:
        return Applied(duplicate=True)
    if batch.metrics:
        statement = insert(metrics)
        new = statement.excluded
        # A step that a later attempt trains again replaces the earlier one; a late report of an old attempt changes nothing.
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["session_uid", "name", "step"],
                set_={c: new[c] for c in ("attempt", "epoch", "time", "value", "special")},
                where=new.attempt >= metrics.c.attempt,
            ),
            _metric_rows(batch),
        )
    if batch.logs:
        connection.execute(logs.insert(), _log_rows(batch))
    if batch.heartbeat or batch.checkpoint:
        _advance(connection, batch)
    return Applied(duplicate=False)


def _metric_rows(batch: Batch) -> list[dict[str, Any]]:
    return [
        {
            "session_uid": batch.session_uid,
            "name": name,
            "step": row.step,
            "attempt": batch.attempt,
            "epoch": row.epoch,
            "time": text(row.time),
            "value": None if value in _SPECIAL else value,
            "special": value if value in _SPECIAL else None,
        }
        for row in batch.metrics
        for name, value in row.values.items()
    ]


def _log_rows(batch: Batch) -> list[dict[str, Any]]:
    return [
        {
            "session_uid": batch.session_uid,
            "attempt": batch.attempt,
            "rank": line.rank,
            "time": text(line.time),
            "level": line.level,
            # A NUL ends a text early in more than one client.
            "message": line.message.replace("\x00", "\\0"),
        }
        for line in batch.logs
    ]


def _advance(connection: Connection, batch: Batch) -> None:
    """Newest heartbeat and checkpoint; never back to an earlier attempt."""
    known = connection.execute(
        select(progress).where(progress.c.session_uid == batch.session_uid)
    ).one_or_none()
    if known is not None and known.attempt > batch.attempt:
        return
    values: dict[str, Any] = {"session_uid": batch.session_uid, "attempt": batch.attempt}
    if batch.heartbeat is not None:
        before = known.heartbeat if known is not None else None
        step = _step(before)
        if step is None or batch.heartbeat.step != step:
            values["last_step_time"] = text(batch.heartbeat.time)
        values["heartbeat"] = batch.heartbeat.model_dump_json(by_alias=True, exclude_none=True)
    if batch.checkpoint is not None:
        values["checkpoint"] = batch.checkpoint.model_dump_json(by_alias=True, exclude_none=True)
    statement = insert(progress).values(values)
    connection.execute(statement.on_conflict_do_update(index_elements=["session_uid"], set_=values))


def _step(heartbeat: str | None) -> int | None:
    if heartbeat is None:
        return None
    return Heartbeat.model_validate_json(heartbeat).step
