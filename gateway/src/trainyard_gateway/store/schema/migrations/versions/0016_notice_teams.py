"""Receivers of teams and of services, quiet hours and digests."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

_KEPT = ("id", "user", "name", "url", "secret", "sessions", "rules", "created")
_ADDED = ("team", "maker", "kind", "shown", "times", "since")


def upgrade() -> None:
    _widen_receivers()
    op.add_column("notices", sa.Column("digest", sa.String(40)))


def _widen_receivers() -> None:
    """SQLite changes no constraint of a table, so there is a new one."""
    op.create_table(
        "notice_receivers_new",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("user", sa.String(64), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("sessions", sa.String(8), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("team", sa.String(63), nullable=False),
        sa.Column("maker", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("times", sa.Text(), nullable=False),
        sa.Column("since", sa.Text(), nullable=False),
        sa.UniqueConstraint("user", "team", "name"),
    )
    old = sa.table("notice_receivers", *map(sa.column, _KEPT))
    new = sa.table("notice_receivers_new", *map(sa.column, (*_KEPT, *_ADDED)))
    values = (sa.literal(""), old.c.user, sa.literal("webhook"), old.c.url, *[sa.literal("")] * 2)
    rows = sa.select(*(old.c[name] for name in _KEPT), *values)
    op.execute(new.insert().from_select([*_KEPT, *_ADDED], rows))
    op.drop_table("notice_receivers")
    op.rename_table("notice_receivers_new", "notice_receivers")
