"""The tables.

Times in `sessions`, `datasets`, `models`, `api_keys` and `auth_logs` are RFC 3339 text in UTC;
those of metrics and logs are microseconds since the epoch, since there are many of them.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from trainyard_gateway.store.schema import audit_tables

metadata = audit_tables.metadata
# Tables of reports have no foreign keys, whose checks cost PostgreSQL a third of its time. Streams
# are never deleted, series only long after their session; their ids are read in the transaction
# that uses them.

# SQLite generates ids only for the type INTEGER, which has 64 bits there.
_Number = BigInteger().with_variant(Integer, "sqlite")

sessions = Table(
    "sessions",
    metadata,
    Column("uid", String(64), primary_key=True),
    Column("name", String(63), nullable=False),
    Column("created", String(40), nullable=False),
    Column("object", Text, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Index("sessions_by_name", "name", "created"),
    Index("sessions_by_deleted", "deleted", "created", "uid"),
)
"""The last known object of every session, also of those deleted from the cluster."""

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

streams = Table(
    "streams",
    metadata,
    Column("id", _Number, primary_key=True, autoincrement=True),
    Column("session_uid", String(64), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("stream", String(64), nullable=False),
    UniqueConstraint("session_uid", "attempt", "stream", name="streams_by_name"),
)
"""Streams: the senders of batches."""

batches = Table(
    "batches",
    metadata,
    Column("id", _Number, primary_key=True, autoincrement=True),
    Column("stream_id", _Number, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("first_step", BigInteger),
    Column("last_step", BigInteger),
    UniqueConstraint("stream_id", "sequence", name="batches_by_sequence"),
    Index("batches_by_stream", "stream_id", "id"),
)
"""Applied batches, in order.

`first_step` and `last_step` are the lowest and the highest step of their metrics, NULL without
metrics.
"""

inbox = Table(
    "arrivals",
    metadata,
    Column("id", _Number, primary_key=True, autoincrement=True),
    Column("stream_id", _Number, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("stream_id", "sequence", name="arrivals_by_sequence"),
)
"""The inbox: batches that are acknowledged and not applied yet, as JSON.

The name dates from migration 0002.
"""

series = Table(
    "series",
    metadata,
    Column("id", _Number, primary_key=True, autoincrement=True),
    Column("session_uid", String(64), nullable=False),
    # SQLite bounds no text, and a table of it keeps what it was made with.
    Column("name", String(250).with_variant(String(128), "sqlite"), nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("max_step", BigInteger, nullable=False),
    Column("last_attempt", Integer, nullable=False),
    Column("last_step", BigInteger, nullable=False),
    Column("last_epoch", BigInteger),
    Column("last_time", BigInteger, nullable=False),
    Column("last_value", Double),
    UniqueConstraint("session_uid", "name", name="series_by_name"),
)
"""One row for each metric of a session: number of points, highest step and newest point.

The newest point has the highest step of the latest attempt.
"""

metrics = Table(
    "metrics",
    metadata,
    Column("series_id", _Number, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("epoch", BigInteger),
    Column("time", BigInteger, nullable=False),
    Column("value", Double),
    PrimaryKeyConstraint("series_id", "step"),
    Index(
        "metrics_by_epoch",
        "series_id",
        "step",
        sqlite_where=text("epoch IS NOT NULL"),
        postgresql_where=text("epoch IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)
"""One value for each metric and step. A later attempt replaces what it trains again.

NULL is NaN; infinities are stored as such.
"""

rollups = Table(
    "rollups",
    metadata,
    Column("series_id", _Number, nullable=False),
    Column("level", Integer, nullable=False),
    Column("first_step", BigInteger, nullable=False),
    Column("last_step", BigInteger, nullable=False),
    Column("low_step", BigInteger),
    Column("low_time", BigInteger),
    Column("low_value", Double),
    Column("high_step", BigInteger),
    Column("high_time", BigInteger),
    Column("high_value", Double),
    Column("odd_step", BigInteger),
    Column("odd_time", BigInteger),
    Column("odd_value", Double),
    PrimaryKeyConstraint("series_id", "level", "first_step"),
    sqlite_with_rowid=False,
)
"""Summaries of 16 · 2^level consecutive points.

Each keeps the lowest and the highest finite value and the first value that is NaN or infinite
(columns `odd_*`).
"""

logs = Table(
    "logs",
    metadata,
    Column("id", _Number, primary_key=True, autoincrement=True),
    Column("session_uid", String(64), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("level", String(8), nullable=False),
    Column("message", Text, nullable=False),
    Index("logs_by_session", "session_uid", "id"),
    sqlite_autoincrement=True,
)
"""Lines that trainers printed."""

log_usage = Table(
    "log_usage",
    metadata,
    Column("session_uid", String(64), primary_key=True),
    Column("bytes", BigInteger, nullable=False),
    Column("head", BigInteger),
    Column("note", BigInteger),
    Column("removed_lines", BigInteger, nullable=False),
    Column("removed_bytes", BigInteger, nullable=False),
)
"""Bytes of the log lines of a session, and what was removed since they were too many.

`head`: id of the last line that is never removed; `note`: id of the line that says what was
removed.
"""

history_marks = Table(
    "history_marks",
    metadata,
    Column("session_uid", String(64), primary_key=True),
    Column("missed", BigInteger, nullable=False),
    Column("removed", Boolean, nullable=False),
    Index("history_marks_by_time", "removed", "missed"),
)
"""Sessions that left the cluster.

`missed`: when the cluster was first seen without it, in microseconds since the epoch; `removed`:
whether its log lines and metrics were removed.
"""

datasets = Table(
    "datasets",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(128), nullable=False, unique=True),
    Column("file", String(512), nullable=False),
    Column("format", String(32), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("created", String(40), nullable=False),
    Column("details", Text, nullable=False),
    Column("summary", Text, nullable=False, server_default="{}"),
)

models = Table(
    "models",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("version", Integer, nullable=False),
    Column("file", String(512), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("created", String(40), nullable=False),
    Column("session_uid", String(64)),
    Column("kind", String(8), nullable=False, server_default="file"),
    Column("files", Integer, nullable=False, server_default="1"),
    Column("flags", String(128), nullable=False, server_default=""),
    Column("card", Text, nullable=False),
    UniqueConstraint("name", "version", name="models_by_version"),
    Index("models_by_session", "session_uid"),
)

model_numbers = Table(
    "model_numbers",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("last", Integer, nullable=False),
)
"""Of models whose newest version was deleted: the highest number that a version has had.

The number is not given to another version. A row goes with the last version of its model.
"""

uploads = Table(
    "uploads",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("name", String(128), nullable=False),
    Column("filename", String(256), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("part_bytes", BigInteger, nullable=False),
    Column("created", String(40), nullable=False),
    Column("choices", Text, nullable=False, server_default="{}"),
    Column("owner", String(64), nullable=False, server_default=""),
)
"""Multipart uploads that are not complete yet."""

upload_parts = Table(
    "upload_parts",
    metadata,
    Column("upload_id", String(32), ForeignKey("uploads.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    PrimaryKeyConstraint("upload_id", "number"),
)
"""Parts of uploads that are on the volume."""

idempotency = Table(
    "idempotency",
    metadata,
    Column("key", String(160), primary_key=True),
    Column("body_sha256", String(64), nullable=False),
    Column("session", String(63), nullable=False),
    Column("created", String(40), nullable=False),
    Index("idempotency_by_time", "created"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", String(63), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created", String(40), nullable=False),
    Column("expires", String(40)),
    Column("revoked", String(40)),
    Column("user", String(63)),
)
"""API keys by their public part, with the hash of the secret part.

`user`: whose key it is, NULL if that is `name`.
"""

auth_logs = Table(
    "auth_logs",
    metadata,
    Column("id", _Number, primary_key=True, autoincrement=True),
    Column("time", String(40), nullable=False),
    Column("client", String(64), nullable=False),
    Column("method", String(8), nullable=False),
    Column("path", String(256), nullable=False),
    Column("accepted", Boolean, nullable=False),
    Column("reason", String(64), nullable=False),
    Column("key_id", String(16)),
    Column("request_id", String(32)),
    Index("auth_logs_by_time", "time"),
    sqlite_autoincrement=True,
)
"""The audit log: every attempt to authenticate."""
