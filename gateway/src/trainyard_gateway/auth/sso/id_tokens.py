"""Which ID tokens are believed (OpenID Connect Core, 3.1.3.7). Pure.

Guarantees:

- Only signatures of the algorithms below, by keys that the provider published, count: no `none`, no
  secret as key, no key or address that a token names itself.
- A token of another issuer, for another client, of another login, expired, from the future or
  without an end is refused.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import JWKRegistry, KeySet

ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
    "Ed25519",
)  # fmt: skip
"""Signatures with a public key."""
CLOCK_SKEW_SECONDS: Final = 60
"""By which the clocks of provider and gateway may differ."""
MOST_BYTES: Final = 65_536
"""Of a token."""
MOST_KEYS: Final = 100
"""Of a provider."""
_KINDS: Final = frozenset({"RSA", "EC", "OKP"})


class InvalidIdToken(Exception):
    """A token that is not believed; the message says why, without showing it."""


class UnknownKey(InvalidIdToken):
    """A token that is signed with a key that is not known; the provider may have a new one."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must say."""

    issuer: str
    client_id: str
    nonce: str | None = None
    """Of the login that the token is for; None where no nonce was sent."""
    subject: str | None = None
    """Of the identity that the token is about; None where any may come."""


def keys_of(document: object) -> KeySet:
    """The keys of a JSON Web Key Set that can verify signatures; others are left out."""
    listed = document.get("keys") if isinstance(document, dict) else None
    found = [key for key in listed if isinstance(key, dict)] if isinstance(listed, list) else []
    return KeySet(list(_imported(found[:MOST_KEYS])))


def _imported(listed: Iterable[dict[str, Any]]) -> Iterable[Any]:
    for given in listed:
        if given.get("kty") not in _KINDS or given.get("use", "sig") != "sig":
            continue
        try:
            key = JWKRegistry.import_key(given)
            key.ensure_kid()
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        yield key


def verify(token: object, keys: KeySet, expected: Expected, now: float) -> dict[str, Any]:
    """The claims of a token. Raises InvalidIdToken."""
    if not isinstance(token, str) or len(token) > MOST_BYTES or not token.isascii():
        raise InvalidIdToken("the provider sends no ID token")
    try:
        claims = jwt.decode(token, keys, algorithms=list(ALGORITHMS)).claims
    except InvalidKeyIdError:
        raise UnknownKey(
            "the ID token is signed with a key that the provider does not have"
        ) from None
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise InvalidIdToken(f"the ID token is not valid ({type(error).__name__})") from None
    if problem := problem_of(claims, expected, now):
        raise InvalidIdToken(problem)
    return dict(claims)


def problem_of(claims: Mapping[str, Any], expected: Expected, now: float) -> str:
    """Why these claims are refused; empty if they are not."""
    if claims.get("iss") != expected.issuer:
        return "the ID token is of another issuer"
    if not _is_for(claims, expected.client_id):
        return "the ID token is for another client"
    if problem := _time_problem(claims, now):
        return problem
    nonce = claims.get("nonce")
    if expected.nonce is not None and not (
        isinstance(nonce, str) and hmac.compare_digest(nonce.encode(), expected.nonce.encode())
    ):
        return "the ID token is of another login (`nonce`)"
    if expected.subject is not None and claims.get("sub") != expected.subject:
        return "the ID token is about another identity (`sub`)"
    return ""


def _is_for(claims: Mapping[str, Any], client_id: str) -> bool:
    audience = claims.get("aud")
    listed = [audience] if isinstance(audience, str) else audience
    if not isinstance(listed, list) or client_id not in listed:
        return False
    party = claims.get("azp")
    return party == client_id if party is not None else len(listed) == 1


def _time_problem(claims: Mapping[str, Any], now: float) -> str:
    end, made = _time(claims.get("exp")), _time(claims.get("iat"))
    begin = _time(claims["nbf"]) if claims.get("nbf") is not None else made
    if end is None or made is None or begin is None:
        return "the ID token has no valid times (`exp`, `iat`, `nbf`)"
    if end <= now - CLOCK_SKEW_SECONDS:
        return "the ID token has expired"
    if max(made, begin) > now + CLOCK_SKEW_SECONDS:
        return "the ID token is from the future; the clocks of provider and gateway differ"
    return ""


def _time(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 < value < 1e12 else None  # type: ignore[operator,arg-type]
