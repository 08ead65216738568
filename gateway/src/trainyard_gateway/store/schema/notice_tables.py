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
    Column("team", String(63), nullable=False),
    Column("maker", String(64), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("shown", Text, nullable=False),
    Column("times", Text, nullable=False),
    Column("since", Text, nullable=False),
    UniqueConstraint("user", "team", "name"),
)
"""Receivers of users, and of teams with an empty `user`. `rules`, `times` and `since` are JSON.

`kind` is webhook or service; `shown` is the URL without what is secret in it.
"""

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
    Column("digest", String(40)),
    Index("notices_by_next_try", "state", "next_try"),
    Index("notices_by_receiver", "receiver", "created"),
)
"""The outbox: Waiting, Held, Digested, Delivered, Dead or Dropped.

`words` say why the last try failed.
While a gateway tries one, `next_try` is when another one may. `digest` is the notice that it is a
part of, or by which it was said that it was dropped.
"""
