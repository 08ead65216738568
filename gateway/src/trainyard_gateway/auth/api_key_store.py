"""The keys that open the gateway: the administrator's from a file, others from the database."""

from __future__ import annotations

import asyncio
import hmac
import time
from datetime import UTC, datetime, timedelta

import structlog
from pydantic import Field, StrictInt

from trainyard_api import timestamps
from trainyard_api.model import ClosedModel, OpenModel
from trainyard_gateway.auth import keys
from trainyard_gateway.auth.keys import ADMIN, Caller, Scope
from trainyard_gateway.auth.open_logins import OpenLogins, scopes_of
from trainyard_gateway.errors import BadRequest, NotFound, Unprocessable
from trainyard_gateway.rights.users import ADMIN_USER, Name, Users, first_row, user_of
from trainyard_gateway.store import api_keys
from trainyard_gateway.store.access import sso, users
from trainyard_gateway.store.access.sso import LoginRow
from trainyard_gateway.store.api_keys import ApiKeyRow
from trainyard_gateway.store.database import Connection, Database
from trainyard_gateway.store.errors import DatabaseError

REFRESH_SECONDS = 1.0
"""How soon a key revoked at another gateway is worth nothing here."""

_log = structlog.get_logger()


class NewKey(ClosedModel):
    """What a new key is to allow."""

    name: Name
    """Who or what will use it."""
    user: Name | None = None
    """The user whose key it is; sessions that it starts carry this name. Default: the user with the
    name of the key, who is made if there is none: a maintainer of the team `default`."""
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope))
    """What it allows."""
    expires_in_seconds: StrictInt | None = Field(default=None, ge=1, le=315_360_000)
    """Seconds until it expires. Default: never."""


class KeyInfo(OpenModel):
    """A key without its secret."""

    id: str
    """Public part: the eight characters after `ty_`."""
    name: str
    """Who or what uses it."""
    user: str
    """The user whose key it is."""
    scopes: list[Scope]
    """What it allows, within the user's role."""
    created: str
    """When it was made."""
    expires: str | None = None
    """When it ends by itself."""
    revoked: str | None = None
    """When it was revoked."""


class CreatedKey(KeyInfo):
    """A new key. The secret is shown this once."""

    key: str
    """The whole key."""


class ApiKeyStore:
    """Finds the caller behind a key, in constant time for the secret part."""

    def __init__(self, admin_key: str, database: Database, issuer: str | None = None) -> None:
        """`issuer`: of single sign-on, None without it; logins by another one open nothing."""
        self._admin = keys.digest(admin_key)
        self._database, self._issuer = database, issuer
        self.users = Users(database)
        """Read with the keys."""
        self._rows: dict[str, ApiKeyRow] = {}
        self._loading = asyncio.Lock()
        self.logins = OpenLogins()
        """Those by single sign-on, read with the keys."""

    async def load(self) -> None:
        """Read all keys and users from the database into memory, in place of those before."""
        issuer, now = self._issuer, time.time()
        # One after the other, so that no earlier look comes after a later one.
        async with self._loading:
            # Users last: those with a key or login are known with role and teams, also where
            # another gateway makes both between two of these reads.
            logins, rows, found = await self._database.read(
                lambda c: (
                    sso.read_all(c, issuer, now) if issuer is not None else [],
                    api_keys.read_all(c),
                    users.read_all(c),
                ),
                applied=False,
            )
            self._rows = {r.id: r for r in rows}
            self.logins.known(logins)
            self.users.known(found)

    async def run(self) -> None:
        """Follow what other gateways do to the keys."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await self.load()
            except (DatabaseError, OSError) as error:
                _log.warning("keys not refreshed", error=str(error)[:200])

    def caller(self, key: str) -> tuple[Caller | None, str, str | None]:
        """The owner of a key, the reason for the audit log, and the key's public part.

        The owner is None if the key is not valid; the public part is None if the key has none.
        """
        if hmac.compare_digest(keys.digest(key), self._admin):
            return ADMIN, "admin", ADMIN.key_id
        parts = keys.parse(key)
        if parts is None:
            return None, "unknown", None
        if (login := self.logins.of(parts.public)) is not None:
            return self._of_login(login, parts.secret)
        row = self._rows.get(parts.public)
        # Compared for an unknown id, too, so that it takes as long as a wrong secret.
        stored = row.hash if row is not None else self._admin
        same = hmac.compare_digest(keys.digest(parts.secret), stored)
        if row is None or not same:
            return None, "unknown", parts.public if row is not None else None
        if row.revoked is not None:
            return None, "revoked", row.id
        if row.expires is not None and row.expires <= timestamps.now_text():
            return None, "expired", row.id
        return self._caller(row), "key", row.id

    def holds(self, caller: Caller) -> bool:
        """Whether a caller's key still opens anything."""
        return self.owner(caller.key_id) is not None

    def owner(self, key_id: str) -> Caller | None:
        """The owner of a key that opens something now, by the key's public part."""
        if key_id == ADMIN.key_id:
            return ADMIN
        if (login := self.logins.of(key_id)) is not None:
            return self._caller_of(login) if self.logins.is_open(login) else None
        row = self._rows.get(key_id)
        if row is None or row.revoked is not None:
            return None
        if row.expires is not None and row.expires <= timestamps.now_text():
            return None
        return self._caller(row)

    def _of_login(self, login: LoginRow, secret: str) -> tuple[Caller | None, str, str | None]:
        if not hmac.compare_digest(keys.digest(secret), login.hash):
            return None, "unknown", login.id
        if not self.logins.is_open(login):
            return None, "login over", login.id
        return self._caller_of(login), "login", login.id

    def _caller_of(self, login: LoginRow) -> Caller:
        self.logins.use(login.id)
        user = self.users.of(login.user)
        return Caller(login.id, user.name, scopes_of(user.role), user.role, user.teams)

    def _caller(self, row: ApiKeyRow) -> Caller:
        user = self.users.of(row.owner)
        return Caller(row.id, user.name, _scopes(row.scopes), user.role, user.teams)

    async def create(self, new: NewKey) -> CreatedKey:
        """Make a key. Raises Unprocessable for a user who may not have it."""
        key, parts = keys.generate()
        now = datetime.now(UTC)
        expires = new.expires_in_seconds
        row = ApiKeyRow(
            id=parts.public,
            name=new.name,
            hash=keys.digest(parts.secret),
            scopes=" ".join(sorted(set(new.scopes))),
            created=timestamps.datetime_to_text(now),
            expires=timestamps.datetime_to_text(now + timedelta(seconds=expires))
            if expires
            else None,
            revoked=None,
            user=new.user or new.name,
        )
        await self._database.write(lambda c: _add(c, row, new))
        await self.load()
        return CreatedKey(key=key, **_info(self._rows[parts.public]).model_dump())

    def all(self) -> list[KeyInfo]:
        """Every key, also the revoked, newest first."""
        rows = sorted(self._rows.values(), key=lambda r: (r.created, r.id), reverse=True)
        return [_info(r) for r in rows]

    def after(self, key_id: str | None) -> list[KeyInfo]:
        """The keys after this one in the order of `all`; without one, every key.

        Raises BadRequest for an unknown one. No key ever leaves the list.
        """
        found = self.all()
        if key_id is None:
            return found
        if key_id not in self._rows:
            raise BadRequest("the cursor is not one that a page of keys gave; leave it out")
        place = next(n for n, key in enumerate(found) if key.id == key_id)
        return found[place + 1 :]

    def one(self, key_id: str) -> KeyInfo:
        """One key. Raises NotFound, also for a revoked one, which only the list shows."""
        if key_id not in self._rows or self._rows[key_id].revoked is not None:
            raise _absent(key_id)
        return _info(self._rows[key_id])

    async def revoke(self, key_id: str) -> None:
        """End a key at once; fine when it is revoked already. Raises NotFound."""
        now = timestamps.now_text()
        if not await self._database.write(lambda c: api_keys.revoke(c, key_id, now)):
            raise _absent(key_id)
        await self.load()


def _add(connection: Connection, row: ApiKeyRow, new: NewKey) -> None:
    """Insert a key and, where only the key has a name, its user."""
    administers = Scope.KEYS_ADMIN in new.scopes
    if new.user is None and row.owner != ADMIN_USER.name:
        users.add_if_absent(connection, first_row(row.owner, administers=administers))
    found = users.find(connection, row.owner)
    if row.owner != ADMIN_USER.name:
        if found is None or found.removed is not None:
            raise Unprocessable(
                f"user: there is no user {row.owner!r}; make it with POST /api/v1/users"
            )
        if administers and not user_of(found).is_administrator:
            raise Unprocessable(
                f"scopes: {Scope.KEYS_ADMIN} is for administrators, and {row.owner!r} is a"
                f" {found.role}; change that with PATCH /api/v1/users/{row.owner} first"
            )
    api_keys.add(connection, row)


def _absent(key_id: str) -> NotFound:
    return NotFound(f"there is no key {key_id[:40]!r}; GET /api/v1/keys lists them")


def _scopes(text: str) -> frozenset[Scope]:
    # A scope of a newer version allows nothing here.
    return frozenset(s for s in Scope if s in text.split())


def _info(row: ApiKeyRow) -> KeyInfo:
    return KeyInfo(
        id=row.id,
        name=row.name,
        user=row.owner,
        scopes=sorted(_scopes(row.scopes)),
        created=row.created,
        expires=row.expires,
        revoked=row.revoked,
    )
