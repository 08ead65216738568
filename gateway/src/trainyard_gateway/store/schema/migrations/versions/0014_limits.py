"""Limits of users, teams and keys; team and key of each attempt in the ledger."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_LABELS = {"team": "trainyard.io/team", "api_key": "trainyard.io/key"}


def upgrade() -> None:
    op.create_table(
        "limits",
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("max_gpus", sa.Integer()),
        sa.Column("gpu_hours", sa.Double()),
        sa.Column("period", sa.String(8), nullable=False),
        sa.Column("when_spent", sa.String(8), nullable=False),
        sa.Column("warn_percent", sa.Integer(), nullable=False),
        sa.Column("queues", sa.Text()),
        sa.Column("max_priority", sa.Integer()),
        sa.Column("changed", sa.String(40), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name"),
    )
    for name in _LABELS:
        column = sa.Column(name, sa.String(64), nullable=False, server_default="")
        op.add_column("allocations", column)
    _fill()


def _fill() -> None:
    """The team that a session's label named when its attempt was noted."""
    connection = op.get_bind()
    names = ("session_uid", "kind", "number", "labels", *_LABELS)
    ledger = sa.table("allocations", *map(sa.column, names))
    rows = connection.execute(sa.select(ledger.c.session_uid, ledger.c.labels).distinct()).all()
    for uid, labels in rows:
        found = json.loads(labels)
        given = {column: str(found.get(label) or "")[:64] for column, label in _LABELS.items()}
        if any(given.values()):
            of_session = (ledger.c.session_uid == uid) & (ledger.c.labels == labels)
            connection.execute(sa.update(ledger).where(of_session).values(given))
