"""Single sign-on as the routes use it: begin, come back, devices, logout."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from trainyard_api.timestamps import micros_to_text
from trainyard_gateway.auth import keys, login_cookies
from trainyard_gateway.auth.api_key_store import ApiKeyStore
from trainyard_gateway.auth.keys import Caller
from trainyard_gateway.auth.login_cookies import LIFETIME_SECONDS
from trainyard_gateway.auth.sso import flow, people
from trainyard_gateway.auth.sso.claims import Person, Refusal, person_of
from trainyard_gateway.auth.sso.fetching import ProviderDown
from trainyard_gateway.auth.sso.flow import Begun
from trainyard_gateway.auth.sso.id_tokens import Expected, InvalidIdToken
from trainyard_gateway.auth.sso.provider import Provider, TokenRefused, Tokens
from trainyard_gateway.auth.sso.sealed import Seal
from trainyard_gateway.auth.sso.verification import Verification
from trainyard_gateway.errors import Unavailable
from trainyard_gateway.sso_settings import SsoSettings
from trainyard_gateway.store.access import sso
from trainyard_gateway.store.access.sso import LoginRow
from trainyard_gateway.store.database import Connection, Database

DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
_PROBLEM_SECONDS: Final = 60

_NO_REFRESH: Final = Refusal(
    "the provider gives no refresh token, without which a login cannot be checked; an administrator "
    "allows `offline_access` for this client, or sets `sso.prompt`",
    "no refresh token",
)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Opened:
    """A login that was opened."""

    caller: Caller
    expires: float
    key: str = ""
    """Of a command line; empty of a browser."""


@dataclass(frozen=True, slots=True)
class Device:
    """A login that a command line has begun (RFC 8628)."""

    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    expires_in: int
    interval: int
    handle: str
    """What the command line sends to ask for the end; nothing else opens it."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A device for which the person has not decided yet."""

    slow_down: bool


class SingleSignOn:
    """One provider, and the logins by it."""

    def __init__(
        self,
        settings: SsoSettings,
        keys_: ApiKeyStore,
        database: Database,
        admin_digest: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings, self._keys, self._database = settings, keys_, database
        self._clock = clock
        self._provider = Provider(settings)
        self._browser = Seal(admin_digest, "browser")
        self._problems = Seal(admin_digest, "problem")
        self._devices = Seal(admin_digest, "device")
        self._tokens = Seal(admin_digest, "tokens")
        self.verification = Verification(
            settings, self._provider, keys_, database, self._tokens, clock
        )
        id = login_cookies.name_of(login_cookies.signing_key(admin_digest))
        self._cookie = id.replace(login_cookies.NAME, "trainyard_sso")
        self._secure = settings.public_url.startswith("https:")
        if self._secure:
            # Under another name a page of a sibling host could set it, and so begin the login.
            self._cookie = f"{login_cookies.SECURE_PREFIX}{self._cookie}"

    async def begin(self) -> tuple[str, str]:
        """Where the browser goes, and the Set-Cookie header. Raises Unavailable."""
        begun = Begun.new()
        try:
            endpoints = await self._provider.endpoints()
        except ProviderDown as error:
            raise _down(error) from error
        value = self._browser.close(begun.values(), self._clock() + flow.SECONDS)
        url = flow.authorization_url(endpoints, self.settings, begun)
        return url, self._set_cookie(value)

    async def come_back(self, query: Mapping[str, str], cookie_header: str) -> Opened | Refusal:
        """The login of a browser that comes back from the provider, or why there is none."""
        text = login_cookies.cookie_of(cookie_header, self._cookie) or ""
        begun = Begun.of(self._browser.open(text, self._clock()))
        try:
            endpoints = await self._provider.endpoints()
            code = flow.code_of(query, begun, endpoints, self.settings.issuer)
            if isinstance(code, Refusal) or begun is None:
                return code if isinstance(code, Refusal) else Refusal("begin again", "other state")
            tokens = await self._provider.tokens(
                {
                    "grant_type": "authorization_code",
                    "code": code,
                    "redirect_uri": self.settings.redirect_uri,
                    "code_verifier": begun.verifier,
                }
            )
            return await self._open(tokens, begun.nonce, LIFETIME_SECONDS, of_browser=True)
        except TokenRefused as error:
            return Refusal(f"the provider refused the code: {error}", "refused")
        except InvalidIdToken as error:
            return Refusal(str(error), "bad token")
        except ProviderDown as error:
            return Refusal(_down(error).detail, "provider down")

    async def begin_device(self) -> Device:
        """A code for a command line. Raises Unavailable."""
        scope = " ".join(dict.fromkeys(("openid", *self.settings.scopes)))
        try:
            answer = await self._provider.call("device_authorization_endpoint", {"scope": scope})
        except (ProviderDown, TokenRefused) as error:
            raise _down(error) from error
        return self._device(answer)

    async def finish_device(self, handle: str) -> Opened | Pending | Refusal:
        """The login of a command line, as soon as the person has agreed. Raises Unavailable."""
        kept = self._devices.open(handle, self._clock())
        if kept is None:
            return Refusal("the code has expired; run `trainyard login --sso` again", "expired")
        try:
            tokens = await self._provider.tokens(
                {"grant_type": DEVICE_GRANT, "device_code": kept["device"]}
            )
            seconds = self.settings.command_line_seconds
            return await self._open(tokens, None, seconds, of_browser=False)
        except TokenRefused as error:
            if error.code in ("authorization_pending", "slow_down"):
                return Pending(error.code == "slow_down")
            return Refusal(f"the provider refused: {error}", "refused")
        except InvalidIdToken as error:
            return Refusal(str(error), "bad token")
        except ProviderDown as error:
            raise _down(error) from error

    async def end(self, id: str, reason: str = "you have logged out") -> str | None:
        """End a login here and at the provider; returns where its own login is ended by a browser.

        `reason`: what its next request gets to know. Nothing happens for the id of a key.
        """
        row = self._keys.logins.of(id)
        if row is None:
            return None
        sealed = await self._database.read(lambda c: sso.tokens_of(c, id), applied=False)
        now = self._clock()
        await self._database.write(lambda c: sso.end(c, id, now, reason))
        await self._keys.load()
        kept = self._tokens.open(sealed, now)
        if kept is None:
            return None
        try:
            endpoints = await self._provider.endpoints()
        except ProviderDown as error:
            _log.warning("the identity provider does not know of a logout", error=str(error))
            return None
        if endpoints.of("revocation_endpoint") is not None:
            try:
                await self._provider.call("revocation_endpoint", {"token": kept["refresh"]})
            except (ProviderDown, TokenRefused) as error:
                _log.warning("the identity provider revokes no token", error=str(error))
        return flow.logout_url(endpoints, self.settings, kept["id"])

    def warning(self) -> str | None:
        """A sentence while the provider does not answer."""
        since = self.verification.silent_since
        if since is None:
            return None
        return (
            f"the identity provider has not answered since {micros_to_text(int(since) * 1_000_000)};"
            f" logins stay open for {self.settings.grace_seconds} s without it, keys always do"
        )

    def problem_cookie(self, refusal: Refusal) -> str:
        """The Set-Cookie header by which the login page gets to know why a login failed."""
        until = self._clock() + _PROBLEM_SECONDS
        return self._set_cookie(self._problems.close({"problem": refusal.reason}, until))

    def problem(self, cookie_header: str) -> str | None:
        """Why the last login of this browser failed, within the last minute."""
        text = login_cookies.cookie_of(cookie_header, self._cookie) or ""
        found = self._problems.open(text, self._clock())
        return str(found["problem"]) if found is not None else None

    def forget_cookie(self) -> str:
        """The Set-Cookie header that removes the cookie of a login that was begun."""
        return self._set_cookie("")

    def _set_cookie(self, value: str) -> str:
        return flow.set_cookie(self._cookie, value, self._secure)

    def _device(self, answer: Mapping[str, Any]) -> Device:
        code, user_code = answer.get("device_code"), answer.get("user_code")
        where, whole = answer.get("verification_uri"), answer.get("verification_uri_complete")
        if not (isinstance(code, str) and isinstance(user_code, str) and isinstance(where, str)):
            raise _down(ProviderDown("its answer has no code for a device"))
        lasts = _bounded(answer.get("expires_in"), flow.SECONDS, 3_600)
        return Device(
            user_code[:64],
            where[:512],
            whole[:512] if isinstance(whole, str) else None,
            lasts,
            _bounded(answer.get("interval"), 5, 60),
            self._devices.close({"device": code}, self._clock() + lasts),
        )

    async def _open(
        self, tokens: Tokens, nonce: str | None, seconds: int, *, of_browser: bool
    ) -> Opened | Refusal:
        """Open a login by what the provider gave. Raises InvalidIdToken and ProviderDown."""
        expected = Expected(self.settings.issuer, self.settings.client_id, nonce)
        claims = await self._provider.claims(tokens, expected)
        if tokens.refresh is None:
            return _NO_REFRESH
        person = person_of(claims, self.settings)
        if isinstance(person, Refusal):
            issuer, subject = self.settings.issuer, claims.get("sub")
            await self._database.write(lambda c: people.strip_identity(c, issuer, subject))
            return person
        now = self._clock()
        key, parts = keys.generate()
        row = LoginRow(
            id=parts.public,
            hash="" if of_browser else keys.digest(parts.secret),
            user="",
            issuer=self.settings.issuer,
            subject=person.subject,
            created=now,
            expires=now + seconds,
            verified=now,
        )
        sealed = self._tokens.close(
            {"refresh": tokens.refresh, "id": flow.hint_of(tokens.id)}, row.expires
        )
        refusal = await self._database.write(lambda c: self._add(c, row, person, sealed))
        self.verification.heard()
        await self._keys.load()
        caller = self._keys.owner(row.id)
        if caller is None:
            return refusal or Refusal("the login is over; log in again", "ended")
        return Opened(caller, row.expires, "" if of_browser else key)

    def _add(
        self, connection: Connection, row: LoginRow, person: Person, sealed: str
    ) -> Refusal | None:
        user = people.enter(connection, person, self.settings, row.created)
        if isinstance(user, Refusal):
            return user
        sso.add(connection, row._replace(user=user), sealed)
        return None


def _bounded(given: object, default: int, most: int) -> int:
    is_number = isinstance(given, int) and not isinstance(given, bool)
    return min(max(int(given), 1), most) if is_number else default  # type: ignore[call-overload]


def _down(error: Exception) -> Unavailable:
    return Unavailable(
        f"the identity provider does not answer as it should ({error}); keys and logins of before "
        "open the gateway meanwhile",
        5,
    )
