"""Secrets and signatures of webhooks, as https://www.standardwebhooks.com describes them. Pure.

A receiver verifies with any library of Standard Webhooks.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final

_PREFIX: Final = "whsec_"
_BYTES: Final = 32


def new_secret() -> str:
    """A new secret: `whsec_` and 32 random bytes in base 64."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def headers(secret: str, identity: str, time: int, body: bytes) -> dict[str, str]:
    """The headers of one message; `time` is in seconds since the epoch."""
    return {
        "webhook-id": identity,
        "webhook-timestamp": str(time),
        "webhook-signature": _signature(secret, identity, time, body),
    }


def _signature(secret: str, identity: str, time: int, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    signed = hmac.digest(key, f"{identity}.{time}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(signed).decode()}"
