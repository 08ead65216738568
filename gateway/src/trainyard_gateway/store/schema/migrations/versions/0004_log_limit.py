"""The limit of log bytes (table `log_usage`), and how long history is kept (`history_marks`)."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "log_usage",
        sa.Column("session_uid", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.BigInteger()),
        sa.Column("note", sa.BigInteger()),
        sa.Column("removed_lines", sa.BigInteger(), nullable=False),
        sa.Column("removed_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session_uid"),
    )
    op.create_table(
        "history_marks",
        sa.Column("session_uid", sa.String(64), nullable=False),
        sa.Column("missed", sa.BigInteger(), nullable=False),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("session_uid"),
    )
    op.create_index("history_marks_by_time", "history_marks", ["removed", "missed"])
