"""Identities and logins of single sign-on."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "sso_identities",
        sa.Column("issuer", sa.String(512), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("user", sa.String(63), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "subject"),
    )
    op.create_index("sso_identities_by_user", "sso_identities", ["user"])
    op.create_table(
        "sso_logins",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("user", sa.String(63), nullable=False),
        sa.Column("issuer", sa.String(512), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.Column("verified", sa.Double(), nullable=False),
        sa.Column("claimed", sa.Double(), nullable=False),
        sa.Column("ended", sa.Double()),
        sa.Column("reason", sa.String(300), nullable=False),
        sa.Column("tokens", sa.Text(), nullable=False),
    )
    op.create_index("sso_logins_by_expires", "sso_logins", ["expires"])
