"""Numbers of deleted versions of models, which no other version gets (table `model_numbers`)."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "model_numbers",
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("last", sa.Integer(), nullable=False),
    )
