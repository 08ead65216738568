"""The tables of the ledger. Times are microseconds since the epoch."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from trainyard_gateway.store.schema import run_tables

metadata = run_tables.metadata

allocations = Table(
    "allocations",
    metadata,
    Column("session_uid", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("number", Integer, nullable=False),
    Column("session", String(63), nullable=False),
    Column("user", String(64), nullable=False),
    Column("queue", String(64), nullable=False),
    Column("labels", Text, nullable=False),
    Column("start", BigInteger),
    Column("finish", BigInteger),
    Column("exact", Boolean, nullable=False),
    Column("ran", Boolean, nullable=False),
    Column("gpus", BigInteger, nullable=False),
    Column("cpu_millis", BigInteger, nullable=False),
    Column("memory_bytes", BigInteger, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("checkpoint", BigInteger),
    Column("team", String(64), nullable=False, server_default=""),
    Column("api_key", String(64), nullable=False, server_default=""),
    PrimaryKeyConstraint("session_uid", "kind", "number"),
    Index("allocations_by_finish", "finish"),
)
"""What attempts and installations held, also of deleted sessions; nothing removes a row.

`finish` is NULL while it is held, `start` where it is unknown or nothing was held; `labels` are the
session's, as JSON.
"""
