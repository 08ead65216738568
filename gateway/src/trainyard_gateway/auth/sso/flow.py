"""The browser's way to the provider and back: addresses, cookie, PKCE (RFC 7636). Pure but for
randomness."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from trainyard_api.visible_text import visible
from trainyard_gateway.auth.sso.claims import Refusal
from trainyard_gateway.auth.sso.provider import Endpoints
from trainyard_gateway.sso_settings import SsoSettings

SECONDS: Final = 600
"""How long a person may take at the provider."""
MOST_CODE: Final = 4_096
"""Characters of a code."""
MOST_HINT: Final = 3_000
"""Characters of an ID token that goes along to a logout."""
_MOST_OF_WORDS: Final = 100


@dataclass(frozen=True, slots=True)
class Begun:
    """A login that a browser has begun; it keeps this in a sealed cookie."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> Begun:
        """One that no other browser can guess."""
        return cls(secrets.token_hex(16), secrets.token_hex(16), secrets.token_urlsafe(48))

    @classmethod
    def of(cls, values: Mapping[str, Any] | None) -> Begun | None:
        """What a cookie holds; None of another kind."""
        found = [(values or {}).get(name) for name in ("state", "nonce", "verifier")]
        return cls(*map(str, found)) if all(isinstance(each, str) for each in found) else None

    def values(self) -> dict[str, Any]:
        """What the cookie holds."""
        return {"state": self.state, "nonce": self.nonce, "verifier": self.verifier}


def challenge(verifier: str) -> str:
    """The challenge of a verifier, by S256."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def authorization_url(endpoints: Endpoints, settings: SsoSettings, begun: Begun) -> str:
    """Where the browser goes to log in."""
    asked = {
        "response_type": "code",
        "client_id": settings.client_id,
        "redirect_uri": settings.redirect_uri,
        "scope": " ".join(dict.fromkeys(("openid", *settings.scopes))),
        "state": begun.state,
        "nonce": begun.nonce,
        "code_challenge": challenge(begun.verifier),
        "code_challenge_method": "S256",
    }
    if settings.prompt:
        asked["prompt"] = settings.prompt
    return _with_query(endpoints.urls["authorization_endpoint"], asked)


def code_of(
    query: Mapping[str, str], begun: Begun | None, endpoints: Endpoints, issuer: str
) -> str | Refusal:
    """The code that a browser brings back, or why it is not taken."""
    if begun is None or not hmac.compare_digest(
        query.get("state", "").encode(errors="replace"), begun.state.encode()
    ):
        return Refusal(
            "this login was not begun in this browser, or more than ten minutes ago; begin again",
            "other state",
        )
    named = query.get("iss")
    if named != issuer and (named is not None or endpoints.names_issuer):
        return Refusal("the answer is of another provider", "other issuer")
    if "error" in query:
        said = visible(f"{query['error']} {query.get('error_description', '')}".strip())
        return Refusal(f"the provider refused: {said[:_MOST_OF_WORDS]}", "refused")
    code = query.get("code", "")
    if not 0 < len(code) <= MOST_CODE:
        return Refusal("the provider sends no code", "no code")
    return code


def logout_url(endpoints: Endpoints, settings: SsoSettings, id_token: str) -> str | None:
    """Where the browser goes to end the provider's own login, None where that is not offered."""
    url = endpoints.of("end_session_endpoint")
    if url is None:
        return None
    asked = {
        "client_id": settings.client_id,
        "post_logout_redirect_uri": f"{settings.public_url}/",
        **({"id_token_hint": hint} if (hint := hint_of(id_token)) else {}),
    }
    return _with_query(url, asked)


def hint_of(id_token: str | None) -> str:
    """What of an ID token is kept for the logout; empty if it is too long.

    It would make an address that proxies refuse. Without it the provider asks the person.
    """
    return id_token if id_token is not None and len(id_token) <= MOST_HINT else ""


def set_cookie(name: str, value: str, secure: bool) -> str:
    """The Set-Cookie header of a login that a browser has begun; with an empty value, of its end.

    `Lax`, since the browser comes back from another site.
    """
    age, more = SECONDS if value else 0, "; Secure" if secure else ""
    return f"{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{more}"


def _with_query(url: str, asked: Mapping[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(asked)}"
