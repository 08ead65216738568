"""What a pod's token says about itself, before it is verified. Pure.

A service account's token is a JSON Web Token. Its claims are readable without its signature, and
prove nothing. A token whose claims cannot be right needs no TokenReview to be refused.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

import orjson

MAX_TOKEN = 16 * 1024
"""Characters of a token."""
CLOCK_SECONDS = 60.0
"""How far the clocks of gateway and API server may be apart."""
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+")
_POD = re.compile(r"([a-z0-9.-]+)-([0-9a-f]{8}-[0-9]{1,10})(?:-[0-9]{1,10}-[a-z0-9]{1,10})?")
"""`<session>-<hash>-<attempt>`, the Job, and what it adds for an indexed pod."""
_BUILDER = re.compile(r"([a-z0-9.-]+)-([0-9a-f]{8}-e[0-9]{1,10})(?:-[a-z0-9]{1,10})?")
"""`<session>-<hash>-e<build>`, the Job that installs packages, and what it adds for its pod."""


@dataclass(frozen=True, slots=True)
class Claims:
    """Claims of a token, not verified."""

    audiences: frozenset[str]
    expires: float
    """Seconds since 1970."""
    namespace: str
    account: str
    pod: str


def claims_of(token: str) -> Claims | None:
    """The claims of a token that is bound to a pod; None for any other text."""
    found = _TOKEN.fullmatch(token) if len(token) <= MAX_TOKEN else None
    if found is None:
        return None
    try:
        payload = orjson.loads(base64.urlsafe_b64decode(found[1] + "=" * (-len(found[1]) % 4)))
        return _claims(payload)
    except (binascii.Error, ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return None


def _claims(payload: Any) -> Claims:
    audiences, bound = payload["aud"], payload["kubernetes.io"]
    return Claims(
        audiences=frozenset([audiences] if isinstance(audiences, str) else audiences),
        expires=float(payload["exp"]),
        namespace=str(bound["namespace"]),
        account=str(bound["serviceaccount"]["name"]),
        pod=str(bound["pod"]["name"]),
    )


def fault(claims: Claims, namespace: str, audience: str, now: float) -> str | None:
    """Why a token with these claims can be no token for this gateway; None if it may be one."""
    if audience not in claims.audiences:
        return "the token is not valid for this gateway"
    if claims.namespace != namespace:
        return "the token belongs to no pod of this installation"
    if claims.expires < now - CLOCK_SECONDS:
        return "the token has expired"
    return None


def job_of(pod: str) -> tuple[str, str] | None:
    """Session and Job that a pod's name says it belongs to; None for a pod of no attempt."""
    short = pod[:254]
    found = _BUILDER.fullmatch(short) or _POD.fullmatch(short) if len(pod) <= 253 else None
    return (found[1], f"{found[1]}-{found[2]}") if found is not None else None
