"""Which API key or login a request carries, and whether it may be used now."""

from __future__ import annotations

import base64
import time

from starlette.datastructures import Headers
from starlette.types import Scope

from trainyard_gateway.auth.api_key_store import ApiKeyStore
from trainyard_gateway.auth.audit_log import AuditLog
from trainyard_gateway.auth.client_address import counted_address
from trainyard_gateway.auth.keys import Caller
from trainyard_gateway.auth.logins import Logins
from trainyard_gateway.auth.open_logins import over
from trainyard_gateway.auth.rate_limits import FailedLoginThrottle
from trainyard_gateway.auth.same_origin import OWN_HEADER, is_own
from trainyard_gateway.auth.sso.service import SingleSignOn
from trainyard_gateway.errors import (
    BadRequest,
    NotAuthenticated,
    NotPermitted,
    Problem,
    TooManyRequests,
)
from trainyard_gateway.token_buckets import TokenBuckets

OPEN_PER_SECOND = 5.0
"""Requests without a key that one address may send to the routes of single sign-on."""
OPEN_BURST = 60.0


class Authenticator:
    """Keys, audit_log and limits together: who comes in."""

    def __init__(
        self,
        api_keys: ApiKeyStore,
        audit_log: AuditLog,
        logins: Logins,
        requests_per_second: float,
        sso: SingleSignOn | None = None,
    ) -> None:
        """`sso`: None without single sign-on."""
        self._api_keys, self.audit_log, self.logins = api_keys, audit_log, logins
        self._failures = FailedLoginThrottle(time.monotonic)
        self._buckets = TokenBuckets(requests_per_second, time.monotonic)
        self._open = TokenBuckets(OPEN_PER_SECOND, time.monotonic, OPEN_BURST)
        self.sso = sso

    def authenticate(self, scope: Scope, *, basic: bool = False) -> Caller:
        """The caller. Raises NotAuthenticated, NotPermitted, BadRequest or TooManyRequests.

        `basic`: whether the key may also be the password of HTTP's Basic authentication.
        """
        headers = Headers(scope=scope)
        try:
            key = key_of(headers, basic=basic)
        except Problem:
            self.audit_log.record(scope, False, "malformed")
            raise
        if key is None and self.logins.is_in(headers.get("cookie", "")):
            caller = self._by_login(scope, headers)
        else:
            caller = self._by_key(scope, key)
        if wait := self._buckets.take(caller.key_id):
            raise TooManyRequests("this key sends too many requests; slow down", wait)
        return caller

    async def confirm(self, scope: Scope, caller: Caller) -> None:
        """Let the caller pass unless its login by single sign-on is over.

        Raises NotAuthenticated and Unavailable.
        """
        if self.sso is None:
            return
        try:
            await self.sso.verification.confirm(caller.key_id)
        except Problem:
            self.audit_log.record(scope, False, "login over", caller.key_id)
            raise

    def require_pace(self, scope: Scope) -> None:
        """Raises TooManyRequests for an address that asks too often without a key."""
        if wait := self._open.take(counted_address(scope)):
            raise TooManyRequests("too many logins are begun from your address; wait", wait)

    def _by_key(self, scope: Scope, key: str | None) -> Caller:
        client = counted_address(scope)
        if key is None:
            self.audit_log.record(scope, False, "missing")
            raise NotAuthenticated(
                "an API key is needed: Authorization: Bearer <key>, or X-API-Key: <key>"
            )
        caller, reason, key_id = self._api_keys.caller(key)
        self.audit_log.record(scope, caller is not None, reason, key_id)
        if caller is None:
            wait = self._failures.failed(client, key_id)
            if wait:
                raise TooManyRequests("too many wrong keys; wait before the next try", wait)
            if reason == "login over" and key_id is not None:
                raise NotAuthenticated(over(self._api_keys.logins.of(key_id)))
            raise NotAuthenticated(_REFUSALS.get(reason, "the API key is not valid"))
        self._failures.succeeded(client, caller.key_id)
        return caller

    def _by_login(self, scope: Scope, headers: Headers) -> Caller:
        login = self.logins.read(headers.get("cookie", ""))
        caller = self._api_keys.owner(login.key_id) if login is not None else None
        if login is None or caller is None:
            self.audit_log.record(scope, False, "login", login.key_id if login else None)
            row = self._api_keys.logins.of(login.key_id) if login is not None else None
            raise NotAuthenticated(
                "the login is over; log in with the key again" if row is None else over(row)
            )
        if not is_own(scope["method"], headers):
            self.audit_log.record(scope, False, "other origin", caller.key_id)
            raise NotPermitted(
                f"with a cookie only requests of the gateway's page are taken, with {OWN_HEADER}; "
                "programs send a key"
            )
        self.audit_log.record(scope, True, "login", caller.key_id)
        return caller


_LONGEST_BASIC = 4096
"""Characters of the user and the password, as they are sent."""
_REFUSALS = {"revoked": "the API key was revoked", "expired": "the API key has expired"}


def key_of(headers: Headers, *, basic: bool = False) -> str | None:
    """The key of a request, None without one. Raises BadRequest for two."""
    named, authorization = headers.getlist("x-api-key"), headers.getlist("authorization")
    if len(named) + len(authorization) > 1:
        raise BadRequest("give the key once: either Authorization or X-API-Key")
    if named:
        return named[0] or None
    return (password(headers) if basic else None) or bearer(headers)


def password(headers: Headers) -> str | None:
    """The password of Basic authentication, with any user; None without one."""
    scheme, _, text = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic" or len(text) > _LONGEST_BASIC:
        return None
    try:
        decoded = base64.b64decode(text.strip(), validate=True).decode()
    except ValueError:
        return None
    return decoded.partition(":")[2] or None


def bearer(headers: Headers) -> str | None:
    """The token of an Authorization header, None without one."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
