"""The tables of notices. Times are microseconds since the epoch."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text, UniqueConstraint

from trainyard_gateway.store.schema import user_tables

metadata = user_tables.metadata

notice_receivers = Table(
    "notice_receivers",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("user", String(64), nullable=False),
    Column("name", String(63), nullable=False),
    Column("url", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("sessions", String(8), nullable=False),
    Column("rules", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    UniqueConstraint("user", "name"),
)
"""Webhooks of users; `rules` are JSON."""

notices = Table(
    "notices",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("receiver", String(32), nullable=False),
    Column("body", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_try", BigInteger, nullable=False),
    Column("words", Text, nullable=False),
    Index("notices_by_next_try", "state", "next_try"),
    Index("notices_by_receiver", "receiver", "created"),
)
"""The outbox: Waiting, Delivered or Dead; `words` say why the last try failed.

While a gateway tries one, `next_try` is when another one may.
"""
