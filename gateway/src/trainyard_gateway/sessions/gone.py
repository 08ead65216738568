"""Which sessions the database knows as deleted."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from trainyard_gateway.store.schema.tables import sessions

_AT_ONCE = 500
"""UIDs of one query; databases bound the parameters of a statement."""


def gone(connection: Connection, uids: Sequence[str]) -> dict[str, str]:
    """UID and name of those among `uids` that were deleted."""
    found: dict[str, str] = {}
    for start in range(0, len(uids), _AT_ONCE):
        some = sessions.c.uid.in_(uids[start : start + _AT_ONCE])
        rows = connection.execute(
            select(sessions.c.uid, sessions.c.name).where(sessions.c.deleted, some)
        )
        found |= {row.uid: row.name for row in rows}
    return found
