"""The ledger (table `allocations`), with the attempts of before, whose times are not known."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_MOST_ATTEMPTS = 1000


def upgrade() -> None:
    op.create_table(
        "allocations",
        sa.Column("session_uid", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("session", sa.String(63), nullable=False),
        sa.Column("user", sa.String(64), nullable=False),
        sa.Column("queue", sa.String(64), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("start", sa.BigInteger()),
        sa.Column("finish", sa.BigInteger()),
        sa.Column("exact", sa.Boolean(), nullable=False),
        sa.Column("ran", sa.Boolean(), nullable=False),
        sa.Column("gpus", sa.BigInteger(), nullable=False),
        sa.Column("cpu_millis", sa.BigInteger(), nullable=False),
        sa.Column("memory_bytes", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("checkpoint", sa.BigInteger()),
        sa.PrimaryKeyConstraint("session_uid", "kind", "number"),
    )
    op.create_index("allocations_by_finish", "allocations", ["finish"])
    _note_deleted_sessions()


def _note_deleted_sessions() -> None:
    """Attempts of sessions that are gone; the gateway notes those that are there when it starts."""
    connection = op.get_bind()
    known = sa.table("sessions", *map(sa.column, ("uid", "object", "deleted")))
    uids = sa.select(known.c.uid).where(known.c.deleted)
    ledger = sa.table("allocations", *map(sa.column, _COLUMNS))
    for uid in connection.execute(uids).scalars().all():
        text = sa.select(known.c.object).where(known.c.uid == uid)
        rows = list(_unknown(uid, json.loads(connection.execute(text).scalar_one())))
        if rows:
            connection.execute(sa.insert(ledger), rows)


_COLUMNS = (
    "session_uid", "kind", "number", "session", "user", "queue", "labels", "finish", "exact", "ran",
    "gpus", "cpu_millis", "memory_bytes", "outcome",
)  # fmt: skip


def _unknown(uid: str, body: dict[str, Any]) -> Iterator[dict[str, object]]:
    status, spec = body.get("status") or {}, body.get("spec") or {}
    labels = dict(body["metadata"].get("labels") or {})
    user, queue = labels.pop("trainyard.io/user", ""), str(spec.get("queue") or "default")[:64]
    session, gpus = body["metadata"]["name"], status.get("gpus") or 0
    names = ("completionTime", "startTime", "queuedTime")
    known = (status.get(name) for name in names)
    finish = _micros(next((t for t in known if t), body["metadata"]["creationTimestamp"]))
    last = status.get("attempt") or 0
    for number in range(max(1, last - _MOST_ATTEMPTS + 1), last + 1):
        values = (
            uid, "Attempt", number, session, user, queue, json.dumps(labels, sort_keys=True),
            finish, False, False, gpus, 0, 0, "Unknown",
        )  # fmt: skip
        yield dict(zip(_COLUMNS, values, strict=True))


def _micros(text: str) -> int:
    time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return int(time.timestamp()) * 1_000_000
