"""The tables of single sign-on. Times are seconds since 1970."""

from __future__ import annotations

from sqlalchemy import Column, Double, Index, PrimaryKeyConstraint, String, Table, Text

from trainyard_gateway.store.schema import notice_tables

metadata = notice_tables.metadata

sso_identities = Table(
    "sso_identities",
    metadata,
    Column("issuer", String(512), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("user", String(63), nullable=False),
    Column("created", Double, nullable=False),
    PrimaryKeyConstraint("issuer", "subject"),
    Index("sso_identities_by_user", "user"),
)
"""Whose an identity of a provider is; it never changes."""

sso_logins = Table(
    "sso_logins",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("hash", String(64), nullable=False),
    Column("user", String(63), nullable=False),
    Column("issuer", String(512), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("created", Double, nullable=False),
    Column("expires", Double, nullable=False),
    Column("verified", Double, nullable=False),
    Column("claimed", Double, nullable=False),
    Column("ended", Double),
    Column("reason", String(300), nullable=False),
    Column("tokens", Text, nullable=False),
    Index("sso_logins_by_expires", "expires"),
)
"""Logins by single sign-on; `tokens` is sealed by the gateway."""
