"""The newest heartbeat and checkpoint of each session (table `progress`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError
from sqlalchemy import Connection, select

from trainyard_api.report import Batch, CheckpointReport, Heartbeat
from trainyard_api.timestamps import datetime_to_text
from trainyard_gateway.store.schema.tables import progress
from trainyard_gateway.store.sql.dialect import upsert

T = TypeVar("T", Heartbeat, CheckpointReport)

_UIDS_AT_ONCE = 500

SAID_AHEAD_SECONDS = 60.0
"""A clock that is ahead by more is noted in the session's log."""
SAID_BEHIND_SECONDS = 600.0
"""A first heartbeat that is older is noted there, too."""


def update(connection: Connection, batch: Batch) -> str | None:
    """Store the heartbeat and the checkpoint of a batch, unless a later attempt has reported.

    Returns a sentence for the session's log if the first heartbeat of an attempt has an odd time.
    """
    known = _row(connection, batch.session_uid)
    if known is not None and known.attempt > batch.attempt:
        return None
    note = None
    values: dict[str, Any] = {"session_uid": batch.session_uid, "attempt": batch.attempt}
    heartbeat = batch.heartbeat
    if heartbeat is not None:
        now = datetime.now(UTC)
        if known is None or known.heartbeat is None or known.attempt < batch.attempt:
            note = clock_note(heartbeat, now)
        heartbeat = not_ahead(heartbeat, now)
        before = known.heartbeat if known is not None else None
        step = _step(before)
        if step is None or heartbeat.step != step:
            # By this clock: a node's may be behind, and a report may have waited for the gateway.
            # Either would let a training that goes well look hung.
            values["last_step_time"] = datetime_to_text(now)
        values["heartbeat"] = heartbeat.model_dump_json(by_alias=True, exclude_none=True)
    if batch.checkpoint is not None:
        values["checkpoint"] = batch.checkpoint.model_dump_json(by_alias=True, exclude_none=True)
    statement = upsert(connection, progress).values(values)
    connection.execute(statement.on_conflict_do_update(index_elements=["session_uid"], set_=values))
    return note


def clock_note(heartbeat: Heartbeat, now: datetime) -> str | None:
    """What is odd about the time of an attempt's first heartbeat, received at `now`. Pure."""
    ahead = (heartbeat.time - now).total_seconds()
    if ahead > SAID_AHEAD_SECONDS:
        return (
            f"the clock of this program is {ahead:,.0f} s ahead of the gateway's: "
            "its progress counts as measured when it arrives"
        )
    if -ahead > SAID_BEHIND_SECONDS:
        return (
            f"the first progress of this attempt came {-ahead:,.0f} s after it was measured: "
            "the clock of this program is behind, or the gateway could not be reached"
        )
    return None


def not_ahead(heartbeat: Heartbeat, now: datetime) -> Heartbeat:
    """The heartbeat, measured at `now` at the latest. Pure.

    A clock that is ahead would let a session look alive for so much longer.
    """
    return heartbeat if heartbeat.time <= now else heartbeat.model_copy(update={"time": now})


class Progress(NamedTuple):
    """A row of `progress`."""

    attempt: int
    heartbeat: Heartbeat | None
    checkpoint: CheckpointReport | None
    last_step_time: str | None
    """When the gateway first heard of the step of the heartbeat, RFC 3339."""


def of_session(connection: Connection, uid: str) -> Progress | None:
    """The newest heartbeat and checkpoint of a session; None before the first of either."""
    return of_many(connection, [uid]).get(uid)


def of_many(connection: Connection, uids: Sequence[str]) -> dict[str, Progress]:
    """The same of several sessions, by UID; those before the first of either are absent."""
    found: dict[str, Progress] = {}
    for start in range(0, len(uids), _UIDS_AT_ONCE):
        some = progress.c.session_uid.in_(uids[start : start + _UIDS_AT_ONCE])
        for row in connection.execute(select(progress).where(some)):
            found[row.session_uid] = Progress(
                row.attempt,
                _parsed(row.heartbeat, Heartbeat),
                _parsed(row.checkpoint, CheckpointReport),
                row.last_step_time,
            )
    return found


def _row(connection: Connection, uid: str) -> Any | None:
    return connection.execute(select(progress).where(progress.c.session_uid == uid)).one_or_none()


def _step(heartbeat: str | None) -> int | None:
    found = _parsed(heartbeat, Heartbeat)
    return found.step if found is not None else None


def _parsed(stored: str | None, kind: type[T]) -> T | None:
    """A stored report; None for one that an earlier version accepted and this one would not."""
    if stored is None:
        return None
    try:
        return kind.model_validate_json(stored)
    except ValidationError:
        return None
