"""The table of limits."""

from __future__ import annotations

from sqlalchemy import Column, Double, Integer, PrimaryKeyConstraint, String, Table, Text

from trainyard_gateway.store.schema import sso_tables

metadata = sso_tables.metadata

limits = Table(
    "limits",
    metadata,
    Column("kind", String(8), nullable=False),
    Column("name", String(64), nullable=False),
    Column("max_gpus", Integer),
    Column("gpu_hours", Double),
    Column("period", String(8), nullable=False),
    Column("when_spent", String(8), nullable=False),
    Column("warn_percent", Integer, nullable=False),
    Column("queues", Text),
    Column("max_priority", Integer),
    Column("changed", String(40), nullable=False),
    PrimaryKeyConstraint("kind", "name"),
)
"""Limits of users, teams and keys. NULL is no limit; `queues` are separated by spaces."""
