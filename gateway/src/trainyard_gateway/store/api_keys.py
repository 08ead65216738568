"""Rows of `api_keys`."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, insert, select, update

from trainyard_gateway.store.schema.tables import api_keys


class ApiKeyRow(NamedTuple):
    """A row of `api_keys`. Times are RFC 3339."""

    id: str
    """The public part of the key."""
    name: str
    hash: str
    """Hash of the secret part."""
    scopes: str
    """Separated by spaces."""
    created: str
    expires: str | None
    """None: never."""
    revoked: str | None
    """None: not revoked."""
    user: str | None = None
    """Whose key it is; None: the user with the name of the key."""

    @property
    def owner(self) -> str:
        """Name of the user whose key it is."""
        return self.user or self.name


def read_all(connection: Connection) -> list[ApiKeyRow]:
    """All keys, the revoked ones included."""
    return [ApiKeyRow(*row) for row in connection.execute(select(api_keys))]


def add(connection: Connection, row: ApiKeyRow) -> None:
    """Insert a new key."""
    connection.execute(insert(api_keys).values(row._asdict()))


def revoke(connection: Connection, key_id: str, time: str) -> bool:
    """Revoke a key at `time`, unless it is revoked already; False if there is no such key."""
    if connection.execute(select(api_keys.c.id).where(api_keys.c.id == key_id)).first() is None:
        return False
    not_revoked = (api_keys.c.id == key_id) & api_keys.c.revoked.is_(None)
    connection.execute(update(api_keys).where(not_revoked).values(revoked=time))
    return True


def revoke_of(connection: Connection, user: str, time: str) -> None:
    """Revoke every key of a user."""
    own = (api_keys.c.user == user) | (api_keys.c.user.is_(None) & (api_keys.c.name == user))
    not_revoked = own & api_keys.c.revoked.is_(None)
    connection.execute(update(api_keys).where(not_revoked).values(revoked=time))
