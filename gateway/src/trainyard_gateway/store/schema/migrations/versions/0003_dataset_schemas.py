"""Summaries of datasets' schemas for lists, and the choices of uploads in parts."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    empty = sa.Column("summary", sa.Text(), nullable=False, server_default="{}")
    op.add_column("datasets", empty)
    op.add_column("uploads", sa.Column("choices", sa.Text(), nullable=False, server_default="{}"))
    _summarise(op.get_bind())


def _summarise(connection: sa.Connection) -> None:
    """What earlier versions found; without `revision`, so that a need makes a schema."""
    table = sa.table("datasets", sa.column("id"), sa.column("details"), sa.column("summary"))
    for identity in connection.execute(sa.select(table.c.id)).scalars().all():
        row = table.c.id == identity
        details = json.loads(connection.execute(sa.select(table.c.details).where(row)).scalar_one())
        summary = {name: details[name] for name in ("samples", "dimensions") if name in details}
        changed = sa.update(table).where(row).values(summary=json.dumps(summary))
        connection.execute(changed)
