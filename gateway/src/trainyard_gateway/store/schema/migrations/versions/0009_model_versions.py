"""Stages and links of model versions, who made a registered model, and all runs by their start."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("registered_models", sa.Column("session_uid", sa.String(64)))
    op.add_column(
        "model_versions",
        sa.Column("stage", sa.String(16), nullable=False, server_default="None"),
    )
    op.add_column(
        "model_versions", sa.Column("run_link", sa.Text(), nullable=False, server_default="")
    )
    op.create_index("runs_by_start", "runs", ["lifecycle", "start_time", "id"])
