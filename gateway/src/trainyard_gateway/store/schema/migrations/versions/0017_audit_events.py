"""The audit log's events, and what was last seen of the cluster's sessions."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    texts = {"user": 256, "channel": 16, "credential": 64, "client": 64, "verb": 16, "kind": 16, "object": 256, "uid": 64}  # fmt: skip
    op.create_table(
        "audit_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("time", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.String(length), nullable=False) for name, length in texts.items()),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("mark", sa.String(160), unique=True),
    )
    op.create_index("audit_events_by_time", "audit_events", ["time", "id"])
    op.create_index("audit_events_by_user", "audit_events", ["user", "time"])
    op.create_index("audit_events_by_object", "audit_events", ["object", "time"])
    op.create_table(
        "audit_states",
        sa.Column("uid", sa.String(64), primary_key=True),
        sa.Column("state", sa.Text(), nullable=False),
    )
