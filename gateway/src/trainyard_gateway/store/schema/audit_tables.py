"""The tables of the audit log's events. Times are microseconds since the epoch."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from trainyard_gateway.store.schema import limit_tables

metadata = limit_tables.metadata

audit_events = Table(
    "audit_events",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("time", BigInteger, nullable=False),
    Column("user", String(256), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("credential", String(64), nullable=False),
    Column("client", String(64), nullable=False),
    Column("verb", String(16), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("object", String(256), nullable=False),
    Column("uid", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("detail", Text, nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("mark", String(160), unique=True),
    Index("audit_events_by_time", "time", "id"),
    Index("audit_events_by_user", "user", "time"),
    Index("audit_events_by_object", "object", "time"),
)
"""Who did what to which object.

`mark`: of a change that was seen in the cluster, what no other change has: it is written once.
"""

audit_states = Table(
    "audit_states",
    metadata,
    Column("uid", String(64), primary_key=True),
    Column("state", Text, nullable=False),
)
"""What was last seen of each session of the cluster, to which the next state is compared."""
