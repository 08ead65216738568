"""The provider as the gateway knows it: endpoints, keys, tokens.

Guarantees:

- Only the issuer of the settings is asked, at the endpoints that its discovery document names; no
  token, browser or user names an address.
- A new key of the provider is found at the first token that it signs; made-up key ids cause at most
  one request in `KEYS_PAUSE_SECONDS`.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_plus

from joserfc.jwk import KeySet

from trainyard_api.visible_text import visible
from trainyard_gateway.auth.sso import id_tokens
from trainyard_gateway.auth.sso.fetching import ProviderDown, fetch
from trainyard_gateway.auth.sso.id_tokens import Expected, UnknownKey
from trainyard_gateway.errors import SettingsError
from trainyard_gateway.sso_settings import SsoSettings, is_safe_url

DISCOVERY_SECONDS: Final = 3_600.0
"""How long a discovery document counts."""
KEYS_SECONDS: Final = 3_600.0
"""How long keys count."""
KEYS_PAUSE_SECONDS: Final = 10.0
_MOST_OF_WORDS: Final = 200
_REQUIRED: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_OPTIONAL: Final = (
    "userinfo_endpoint", "device_authorization_endpoint", "end_session_endpoint",
    "revocation_endpoint",
)  # fmt: skip


class TokenRefused(Exception):
    """The provider refuses a code, a device or a refresh token."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code
        """Such as `invalid_grant` (RFC 6749, 5.2)."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What the provider offers, and where."""

    urls: Mapping[str, str]
    names_issuer: bool
    """Whether it names itself where it sends browsers back (RFC 9207)."""
    basic: bool
    """Whether the client's secret may be sent as HTTP's Basic authentication."""

    def of(self, name: str) -> str | None:
        """The URL of an endpoint, None if it is not offered."""
        return self.urls.get(name)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the provider gives for a code, a device or a refresh token."""

    access: str
    id: str | None
    refresh: str | None


class Provider:
    """Talks with one provider."""

    def __init__(self, settings: SsoSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._clock = settings, clock
        self._endpoints: tuple[float, Endpoints] | None = None
        self._keys: tuple[float, KeySet] | None = None
        self._secret()

    async def endpoints(self) -> Endpoints:
        """What the provider offers. Raises ProviderDown."""
        known, now = self._endpoints, self._clock()
        if known is None or now - known[0] > DISCOVERY_SECONDS:
            url = f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration"
            _, document = await fetch("GET", url)
            known = (now, endpoints_of(document, self._settings.issuer))
            self._endpoints = known
        return known[1]

    async def tokens(self, form: Mapping[str, str]) -> Tokens:
        """What the token endpoint gives. Raises TokenRefused and ProviderDown."""
        answer = await self.call("token_endpoint", form)
        access, id, refresh = (answer.get(f"{n}_token") for n in ("access", "id", "refresh"))
        if not isinstance(access, str):
            raise ProviderDown("it answers without a token")
        return Tokens(
            access,
            id if isinstance(id, str) else None,
            refresh if isinstance(refresh, str) and len(refresh) <= id_tokens.MOST_BYTES else None,
        )

    async def call(self, endpoint: str, form: Mapping[str, str]) -> dict[str, Any]:
        """What an endpoint answers to the client. Raises TokenRefused and ProviderDown."""
        endpoints = await self.endpoints()
        url = endpoints.of(endpoint)
        if url is None:
            raise ProviderDown(f"it has no {endpoint}")
        fields, headers = self._authenticated(form, endpoints.basic)
        status, answer = await fetch("POST", url, form=fields, headers=headers)
        if status >= 400:
            code = answer.get("error")
            if not isinstance(code, str):
                raise ProviderDown(f"it answers {status}")
            said = answer.get("error_description")
            words = f"{code}: {said}" if isinstance(said, str) else code
            raise TokenRefused(code, visible(words)[:_MOST_OF_WORDS])
        return answer

    async def claims(self, tokens: Tokens, expected: Expected) -> dict[str, Any]:
        """The verified claims of an identity, with those that only the userinfo endpoint has.

        Raises InvalidIdToken and ProviderDown.
        """
        found: dict[str, Any] = {}
        if tokens.id is not None or expected.subject is None:
            found = await self._verified(tokens.id, expected)
        wanted = {self._settings.user_claim, self._settings.groups_claim}
        if "email" in wanted:
            wanted.add("email_verified")
        if found and all(claim in found for claim in wanted):
            return found
        subject = found.get("sub", expected.subject)
        return await self._userinfo(tokens.access, subject) | found

    async def _userinfo(self, access: str, subject: object) -> dict[str, Any]:
        url = (await self.endpoints()).of("userinfo_endpoint")
        if url is None:
            return {"sub": subject}
        status, said = await fetch("GET", url, headers={"Authorization": f"Bearer {access}"})
        if status in (401, 403):
            raise id_tokens.InvalidIdToken("the provider's userinfo refuses the identity")
        if status != 200:
            raise ProviderDown(f"its userinfo endpoint answers {status}")
        if said.get("sub") != subject:
            raise id_tokens.InvalidIdToken("the provider's userinfo is about another identity")
        return said

    async def _verified(self, token: str | None, expected: Expected) -> dict[str, Any]:
        keys = await self._current_keys(KEYS_SECONDS)
        try:
            return id_tokens.verify(token, keys, expected, time.time())
        except UnknownKey:
            keys = await self._current_keys(KEYS_PAUSE_SECONDS)
            return id_tokens.verify(token, keys, expected, time.time())

    async def _current_keys(self, oldest: float) -> KeySet:
        known, now = self._keys, self._clock()
        if known is None or now - known[0] > oldest:
            url = (await self.endpoints()).urls["jwks_uri"]
            status, document = await fetch("GET", url)
            if status != 200:
                raise ProviderDown(f"its keys are answered by {status}")
            known = (now, id_tokens.keys_of(document))
            self._keys = known
        return known[1]

    def _authenticated(
        self, form: Mapping[str, str], basic: bool
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Form and headers with the client's credentials (RFC 6749, 2.3.1)."""
        try:
            id, secret = self._settings.client_id, self._secret()
        except SettingsError as error:
            raise ProviderDown("the client's secret cannot be read") from error
        if secret is None:
            return {**form, "client_id": id}, {}
        if not basic:
            return {**form, "client_id": id, "client_secret": secret}, {}
        both = f"{quote_plus(id)}:{quote_plus(secret)}".encode()
        # Some providers read the client of a device in the form only.
        return {**form, "client_id": id}, {
            "Authorization": f"Basic {base64.b64encode(both).decode()}"
        }

    def _secret(self) -> str | None:
        """The client's secret as its file has it now. Raises SettingsError."""
        file = self._settings.client_secret_file
        if file is None:
            return None
        try:
            return file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"cannot read sso.clientSecretFile {file}: {error}") from error


def endpoints_of(document: Mapping[str, Any], issuer: str) -> Endpoints:
    """The endpoints of a discovery document. Raises ProviderDown. Pure."""
    if document.get("issuer") != issuer:
        said = visible(str(document.get("issuer", "")))[:_MOST_OF_WORDS]
        raise ProviderDown(f"its discovery document has the issuer {said!r}, not {issuer!r}")
    urls: dict[str, str] = {}
    for name in (*_REQUIRED, *_OPTIONAL):
        url = document.get(name)
        if url is None and name in _OPTIONAL:
            continue
        if not isinstance(url, str) or not _is_endpoint(url, issuer):
            raise ProviderDown(f"its discovery document has no safe URL as {name}")
        urls[name] = url
    methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    basic = not isinstance(methods, list) or "client_secret_basic" in methods
    names = document.get("authorization_response_iss_parameter_supported") is True
    return Endpoints(urls, names, basic)


def _is_endpoint(url: str, issuer: str) -> bool:
    """https, or http where the issuer is one of this machine too."""
    return is_safe_url(url) and (url.startswith("https:") or issuer.startswith("http:"))
