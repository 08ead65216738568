"""Versions of models that are folders (columns `kind`, `files` and `flags` of `models`)."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    kind = sa.Column("kind", sa.String(8), nullable=False, server_default="file")
    op.add_column("models", kind)
    op.add_column("models", sa.Column("files", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("models", sa.Column("flags", sa.String(128), nullable=False, server_default=""))
