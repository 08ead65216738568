"""Users, teams and owners. Each name of a key becomes a user of the team `default`."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("teams", sa.Text(), nullable=False),
        sa.Column("created", sa.String(40), nullable=False),
        sa.Column("removed", sa.String(40)),
    )
    op.create_table(
        "teams",
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("created", sa.String(40), nullable=False),
    )
    op.create_table(
        "owners",
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("id", sa.String(128), nullable=False),
        sa.Column("user", sa.String(64), nullable=False),
        sa.Column("team", sa.String(63), nullable=False),
        sa.Column("visibility", sa.String(8), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id"),
    )
    op.create_index("owners_by_team", "owners", ["team"])
    op.add_column("api_keys", sa.Column("user", sa.String(63)))
    _make_users()


def _make_users() -> None:
    """Users for the names of the keys, who may do what they did."""
    connection = op.get_bind()
    keys = sa.table("api_keys", *map(sa.column, ("name", "scopes", "expires", "revoked")))
    users = sa.table("users", *map(sa.column, ("name", "role", "teams", "created")))
    administers: dict[str, bool] = {}
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for name, scopes, expires, revoked in connection.execute(sa.select(keys)):
        opens = revoked is None and (expires is None or expires > now)
        held = opens and "keys:admin" in scopes.split()
        administers[name] = administers.get(name, False) or held
    rows = [
        {
            "name": name,
            "role": "administrator" if held else "maintainer",
            "teams": "default",
            "created": now,
        }
        for name, held in sorted(administers.items())
        if name != "admin"
    ]
    if rows:
        connection.execute(sa.insert(users), rows)
