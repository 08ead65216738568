"""Whether the provider still says that a login is good: asked at most a minute before each use.

Guarantees:

- A request waits for the provider if its last word is older than `checkSeconds`; logins that are
  in use are asked about before that.
- One gateway asks about a login at a time: providers take a refresh token once.
- A refused refresh, or groups that open nothing, ends the login at once. A provider that does not
  answer ends none, but after `graceSeconds` none opens anything until it answers; nor does a
  database that does not answer.
- A refresh token that the provider has exchanged is never sent again, also if the provider fails
  right after it.
- An answer that is odd for one login postpones the question about no other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog

from trainyard_gateway.auth.api_key_store import ApiKeyStore
from trainyard_gateway.auth.open_logins import over
from trainyard_gateway.auth.sso import people
from trainyard_gateway.auth.sso.claims import Refusal, person_of
from trainyard_gateway.auth.sso.fetching import OddAnswer, ProviderDown
from trainyard_gateway.auth.sso.flow import hint_of
from trainyard_gateway.auth.sso.id_tokens import Expected, InvalidIdToken, UnknownKey
from trainyard_gateway.auth.sso.provider import Provider, TokenRefused, Tokens
from trainyard_gateway.auth.sso.sealed import Seal
from trainyard_gateway.errors import NotAuthenticated, Unavailable
from trainyard_gateway.sso_settings import SsoSettings
from trainyard_gateway.store.access import sso
from trainyard_gateway.store.access.sso import LoginRow
from trainyard_gateway.store.database import Connection, Database
from trainyard_gateway.store.errors import is_unavailable

EARLY: Final = 0.7
"""The share of `checkSeconds` after which a login that is in use is asked about without a request
that waits."""
ACTIVE_SECONDS: Final = 60.0
"""A login that was used within this time is in use; open event streams use it."""
LOOK_SECONDS: Final = 1.0
PAUSE_SECONDS: Final = 15.0
"""After a provider that did not answer, until it is asked again."""
CLAIM_SECONDS: Final = 30.0
_AT_ONCE: Final = 4
_ENDS: Final = frozenset(
    {
        "invalid_grant", "access_denied", "interaction_required", "login_required",
        "consent_required", "account_selection_required",
    }
)  # fmt: skip
"""Refusals that are about the login (RFC 6749, 5.2; OpenID Connect Core, 3.1.2.6): the person has
to go to the provider. Others are about the client or the provider."""

_log = structlog.get_logger()


class Verification:
    """Asks the provider about logins."""

    def __init__(
        self,
        settings: SsoSettings,
        provider: Provider,
        keys: ApiKeyStore,
        database: Database,
        seal: Seal,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self._provider, self._keys = settings, provider, keys
        self._database, self._seal, self._clock = database, seal, clock
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._down_until = 0.0
        self._odd_until: dict[str, float] = {}
        self.silent_since: float | None = None
        """Since when the provider does not answer; None while it does."""

    async def confirm(self, id: str) -> None:
        """Let a login pass if it is good. Raises NotAuthenticated and Unavailable.

        Nothing happens for the id of a key.
        """
        row = self._keys.logins.of(id)
        if row is None or self._age(row) < self._settings.check_seconds:
            return
        await self._ask_once(row)
        row = self._keys.logins.of(id)
        if row is None or not self._keys.logins.is_open(row):
            raise NotAuthenticated(over(row))
        if self.is_overdue(id):
            raise Unavailable(
                "the identity provider does not answer, and logins by single sign-on stay open for "
                f"{self._settings.grace_seconds} s only; keys open the gateway as before",
                PAUSE_SECONDS,
            )

    def heard(self) -> None:
        """The provider answers."""
        self._down_until, self.silent_since = 0.0, None

    def is_overdue(self, id: str) -> bool:
        """Whether the provider has not said for too long that a login is good."""
        row = self._keys.logins.of(id)
        most = self._settings.check_seconds + self._settings.grace_seconds
        return row is not None and self._age(row) > most

    async def run(self) -> None:
        """Ask about the logins in use, without end."""
        limit = asyncio.Semaphore(_AT_ONCE)

        async def ask(row: LoginRow) -> None:
            async with limit:
                await self._ask_once(row)

        early = EARLY * self._settings.check_seconds
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            used = self._keys.logins.used_since(self._clock() - ACTIVE_SECONDS)
            await asyncio.gather(*(ask(r) for r in used if self._age(r) > early))

    def _age(self, row: LoginRow) -> float:
        # A clock that was set back makes no login young.
        return abs(self._clock() - row.verified)

    async def _ask_once(self, row: LoginRow) -> None:
        task = self._asking.get(row.id)
        if task is None:
            task = self._asking[row.id] = asyncio.ensure_future(self._ask(row))
            task.add_done_callback(lambda _: self._asking.pop(row.id, None))
        # A caller that goes away ends the question for no other.
        await asyncio.shield(task)

    async def _ask(self, row: LoginRow) -> None:
        now = self._clock()
        if now < max(self._down_until, self._odd_until.get(row.id, 0.0)):
            return
        try:
            until = now + CLAIM_SECONDS
            is_ours = await self._database.write(lambda c: sso.claim(c, row, now, until))
        except Exception as error:
            if not is_unavailable(error):
                raise
            # Sessions are read without a database, by keys as by logins.
            self._down_until = self._clock() + PAUSE_SECONDS
            _log.warning("logins are not checked without the database", error=str(error)[:200])
            return
        if not is_ours:
            await self._wait_for_another(row)
            return
        try:
            await self._refresh(row)
            self.heard()
        except OddAnswer as error:
            odd = {id: until for id, until in self._odd_until.items() if until > now}
            self._odd_until = {**odd, row.id: self._clock() + PAUSE_SECONDS}
            _log.warning("an answer of the identity provider", login=row.id, error=str(error))
            await self._database.write(lambda c: sso.release(c, row.id))
        except ProviderDown as error:
            self._down_until = self._clock() + PAUSE_SECONDS
            self.silent_since = self.silent_since or now
            _log.warning("the identity provider does not answer", error=str(error))
            await self._database.write(lambda c: sso.release(c, row.id))
        await self._keys.load()

    async def _wait_for_another(self, row: LoginRow) -> None:
        """Until another gateway has the provider's word, or has given up."""
        until = self._clock() + CLAIM_SECONDS
        while self._clock() < until:
            await self._keys.load()
            found = self._keys.logins.of(row.id)
            if found is None or found.ended or found.verified != row.verified or not found.claimed:
                return
            await asyncio.sleep(0.5)

    async def _refresh(self, row: LoginRow) -> None:
        """Ask with the refresh token. Raises ProviderDown."""
        sealed = await self._database.read(lambda c: sso.tokens_of(c, row.id), applied=False)
        kept = self._seal.open(sealed, self._clock())
        if kept is None:
            await self._end(row, Refusal("the login is over; sign in again", "no tokens"))
            return
        try:
            tokens = await self._provider.tokens(
                {"grant_type": "refresh_token", "refresh_token": kept["refresh"]}
            )
        except TokenRefused as error:
            if error.code not in _ENDS:
                raise ProviderDown(str(error)) from error
            await self._end(row, Refusal("the identity provider has ended your login", "refused"))
            return
        if tokens.refresh not in (None, kept["refresh"]):
            rotated = self._seal.close({**kept, "refresh": tokens.refresh}, row.expires)
            await self._database.write(lambda c: sso.keep(c, row.id, rotated))
        expected = Expected(row.issuer, self._settings.client_id, subject=row.subject)
        try:
            claims = await self._provider.claims(tokens, expected)
        except UnknownKey as error:
            # Its published keys lag behind those that it signs with.
            raise ProviderDown(str(error)) from error
        except InvalidIdToken as error:
            await self._end(row, Refusal(str(error), "bad token"))
            return
        refusal = await self._database.write(lambda c: self._look(c, row, claims, tokens, kept))
        if refusal is not None:
            _log.info("login ended", login=row.id, user=row.user, reason=refusal.code)

    def _look(
        self,
        connection: Connection,
        row: LoginRow,
        claims: dict[str, object],
        tokens: Tokens,
        kept: dict[str, str],
    ) -> Refusal | None:
        """Save what the claims say now, in one transaction."""
        now = self._clock()
        person = person_of(claims, self._settings)
        user = (
            person
            if isinstance(person, Refusal)
            else people.enter(connection, person, self._settings, now)
        )
        if isinstance(user, Refusal):
            people.strip(connection, row.user)
            sso.end(connection, row.id, now, user.reason)
            return user
        hint = hint_of(tokens.id) if tokens.id is not None else kept["id"]
        after = {"refresh": tokens.refresh or kept["refresh"], "id": hint}
        sso.verify(connection, row.id, now, self._seal.close(after, row.expires))
        return None

    async def _end(self, row: LoginRow, refusal: Refusal) -> None:
        now = self._clock()
        await self._database.write(lambda c: sso.end(c, row.id, now, refusal.reason))
        _log.info("login ended", login=row.id, user=row.user, reason=refusal.code)
