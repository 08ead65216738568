"""Rows of `sso_identities` and `sso_logins`. Times are seconds since 1970."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from trainyard_gateway.store.schema.sso_tables import sso_identities, sso_logins

KEPT_SECONDS: Final = 86_400
"""How long a login that expired is kept."""
MOST_OF_USER: Final = 100
"""Logins of one user that are kept; at one more an ended one is forgotten, else the oldest, which
then opens nothing."""


class LoginRow(NamedTuple):
    """A row of `sso_logins`, without what the provider gave."""

    id: str
    """As the public part of a key."""
    hash: str
    """Hash of the secret part of a command line's key; empty of a browser."""
    user: str
    issuer: str
    subject: str
    created: float
    expires: float
    verified: float
    """When the provider last said that the login is good."""
    claimed: float = 0.0
    """Until when one gateway asks the provider, so that no other one does."""
    ended: float | None = None
    reason: str = ""
    """Why it was ended, in words."""


_READ = tuple(sso_logins.c[name] for name in LoginRow._fields)


def user_of(connection: Connection, issuer: str, subject: str) -> str | None:
    """The user of an identity, None if it is not known."""
    query = select(sso_identities.c.user).where(
        sso_identities.c.issuer == issuer, sso_identities.c.subject == subject
    )
    return connection.execute(query).scalar_one_or_none()


def has_identity(connection: Connection, issuer: str, user: str) -> bool:
    """Whether a user has an identity of this issuer."""
    query = select(sso_identities.c.user).where(
        sso_identities.c.issuer == issuer, sso_identities.c.user == user
    )
    return connection.execute(query.limit(1)).first() is not None


def add_identity(
    connection: Connection, issuer: str, subject: str, user: str, created: float
) -> None:
    """Remember whose an identity is."""
    values = {"issuer": issuer, "subject": subject, "user": user, "created": created}
    connection.execute(insert(sso_identities).values(values))


def read_all(connection: Connection, issuer: str, now: float) -> list[LoginRow]:
    """The logins by this issuer, also those that expired within a day: those get another answer."""
    kept = (sso_logins.c.issuer == issuer) & (sso_logins.c.expires > now - KEPT_SECONDS)
    query = select(*_READ).where(kept)
    return [LoginRow(*row) for row in connection.execute(query)]


def find(connection: Connection, id: str) -> LoginRow | None:
    """A login."""
    row = connection.execute(select(*_READ).where(sso_logins.c.id == id)).one_or_none()
    return LoginRow(*row) if row is not None else None


def tokens_of(connection: Connection, id: str) -> str:
    """What the provider gave, sealed; empty without it."""
    query = select(sso_logins.c.tokens).where(sso_logins.c.id == id)
    return connection.execute(query).scalar_one_or_none() or ""


def add(connection: Connection, row: LoginRow, tokens: str) -> None:
    """Insert a login; those that expired a day before go, and one of too many."""
    connection.execute(delete(sso_logins).where(sso_logins.c.expires < row.created - KEPT_SECONDS))
    newest = (
        select(sso_logins.c.id)
        .where(sso_logins.c.user == row.user)
        .order_by(sso_logins.c.ended.is_not(None), sso_logins.c.created.desc())
    )
    too_many = list(connection.execute(newest.offset(MOST_OF_USER - 1)).scalars())
    connection.execute(delete(sso_logins).where(sso_logins.c.id.in_(too_many)))
    connection.execute(insert(sso_logins).values({**row._asdict(), "tokens": tokens}))


def claim(connection: Connection, row: LoginRow, now: float, until: float) -> bool:
    """Claim the question to the provider about a login; False if another gateway asks or asked."""
    free = (
        (sso_logins.c.id == row.id)
        & (sso_logins.c.claimed < now)
        & (sso_logins.c.verified == row.verified)
        & sso_logins.c.ended.is_(None)
    )
    return connection.execute(update(sso_logins).where(free).values(claimed=until)).rowcount == 1


def verify(connection: Connection, id: str, now: float, tokens: str) -> None:
    """The provider said that a login is good, and gave these tokens."""
    _update_open(connection, id, {"verified": now, "tokens": tokens, "claimed": 0.0})


def keep(connection: Connection, id: str, tokens: str) -> None:
    """The provider gave these tokens in place of those of before."""
    _update_open(connection, id, {"tokens": tokens})


def release(connection: Connection, id: str) -> None:
    """Let any gateway ask the provider again."""
    connection.execute(update(sso_logins).where(sso_logins.c.id == id).values(claimed=0.0))


def end(connection: Connection, id: str, now: float, reason: str) -> None:
    """End a login, and forget what the provider gave."""
    _update_open(connection, id, {"ended": now, "reason": reason[:300], "tokens": ""})


def end_of(connection: Connection, user: str, now: float, reason: str) -> None:
    """End all logins of a user."""
    still_open = (sso_logins.c.user == user) & sso_logins.c.ended.is_(None)
    values = {"ended": now, "reason": reason, "tokens": ""}
    connection.execute(update(sso_logins).where(still_open).values(values))


def _update_open(connection: Connection, id: str, values: dict[str, Any]) -> None:
    """Change a login that was not ended, as by a logout while the provider was asked."""
    still_open = (sso_logins.c.id == id) & sso_logins.c.ended.is_(None)
    connection.execute(update(sso_logins).where(still_open).values(values))
