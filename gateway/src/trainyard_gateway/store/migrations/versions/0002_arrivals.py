"""Batches wait in a table of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "arrivals",
        sa.Column("id", number, autoincrement=True, nullable=False),
        sa.Column("stream_id", number, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("stream_id", "sequence", name="arrivals_by_sequence"),
    )
    if op.get_bind().dialect.name == "postgresql":
        # They are gone within a second: to compress them would only cost time.
        op.execute("ALTER TABLE arrivals ALTER COLUMN body SET STORAGE EXTERNAL")
