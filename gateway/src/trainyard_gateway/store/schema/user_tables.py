"""The tables of users, teams and owners. Times are RFC 3339 text in UTC."""

from __future__ import annotations

from sqlalchemy import Column, Index, PrimaryKeyConstraint, String, Table, Text

from trainyard_gateway.store.schema import ledger_tables

metadata = ledger_tables.metadata

users = Table(
    "users",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("teams", Text, nullable=False),
    Column("created", String(40), nullable=False),
    Column("removed", String(40)),
)
"""Users.

`teams` are names, separated by spaces; the first one gets what the user makes. The row of a removed
user stays: a name in no row is of before there were users.
"""

teams = Table(
    "teams",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("created", String(40), nullable=False),
)
"""Teams besides `default`, which always is there."""

owners = Table(
    "owners",
    metadata,
    Column("kind", String(16), nullable=False),
    Column("id", String(128), nullable=False),
    Column("user", String(64), nullable=False),
    Column("team", String(63), nullable=False),
    Column("visibility", String(8), nullable=False),
    PrimaryKeyConstraint("kind", "id"),
    Index("owners_by_team", "team"),
)
"""Whose objects are. What has no row is of before: the team `default` sees it.

`kind`: session (by UID), dataset, model (by name), upload, run (by id).
"""
