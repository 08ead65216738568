"""Who began an upload in parts (column `owner` of `uploads`)."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    owner = sa.Column("owner", sa.String(64), nullable=False, server_default="")
    op.add_column("uploads", owner)
