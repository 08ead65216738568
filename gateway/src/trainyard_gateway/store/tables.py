"""The tables."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

sessions = Table(
    "sessions",
    metadata,
    Column("uid", String(64), primary_key=True),
    Column("name", String(63), nullable=False),
    Column("created", String(40), nullable=False),
    Column("object", Text, nullable=False),
    Column("deleted", Boolean, nullable=False, default=False),
    Index("sessions_by_name", "name", "created"),
    Index("sessions_by_time", "created"),
)
"""The last known state of every session, also of those that the cluster no longer has."""

progress = Table(
    "progress",
    metadata,
    Column("session_uid", String(64), primary_key=True),
    Column("attempt", Integer, nullable=False),
    Column("heartbeat", Text),
    Column("last_step_time", String(40)),
    Column("checkpoint", Text),
)
"""The newest heartbeat and checkpoint of a session, as JSON."""

batches = Table(
    "batches",
    metadata,
    Column("session_uid", String(64), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("stream", String(64), nullable=False),
    Column("sequence", Integer, nullable=False),
    PrimaryKeyConstraint("session_uid", "attempt", "stream", "sequence"),
    sqlite_with_rowid=False,
)
"""Which batches were applied."""

metrics = Table(
    "metrics",
    metadata,
    Column("session_uid", String(64), nullable=False),
    Column("name", String(128), nullable=False),
    Column("step", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("epoch", Integer),
    Column("time", String(40), nullable=False),
    Column("value", Float),
    Column("special", String(9)),
    PrimaryKeyConstraint("session_uid", "name", "step"),
    sqlite_with_rowid=False,
)
"""One value per metric and step; a later attempt replaces what it trains again. NaN and infinities are text in `special`."""

logs = Table(
    "logs",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("session_uid", String(64), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("time", String(40), nullable=False),
    Column("level", String(8), nullable=False),
    Column("message", Text, nullable=False),
    Index("logs_by_session", "session_uid", "id"),
    sqlite_autoincrement=True,
)

datasets = Table(
    "datasets",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(128), nullable=False, unique=True),
    Column("file", String(512), nullable=False),
    Column("format", String(32), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("created", String(40), nullable=False),
    Column("details", Text, nullable=False),
)

models = Table(
    "models",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("version", Integer, nullable=False),
    Column("file", String(512), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("created", String(40), nullable=False),
    Column("session_uid", String(64)),
    Column("card", Text, nullable=False),
    UniqueConstraint("name", "version"),
    Index("models_by_session", "session_uid"),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("key", String(128), primary_key=True),
    Column("body_sha256", String(64), nullable=False),
    Column("session", String(63), nullable=False),
    Column("created", String(40), nullable=False),
)

auth_logs = Table(
    "auth_logs",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("time", String(40), nullable=False),
    Column("client", String(64), nullable=False),
    Column("method", String(8), nullable=False),
    Column("path", String(256), nullable=False),
    Column("accepted", Boolean, nullable=False),
    Column("reason", String(64), nullable=False),
    Index("auth_logs_by_time", "time"),
)
