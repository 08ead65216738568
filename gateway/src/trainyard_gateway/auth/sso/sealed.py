"""Texts that only the gateways of an installation can read and write: AES-256-GCM. Pure but for
randomness.

A browser keeps the state of a login in one, a command line that of a device, the database what the
provider gave. Another administrator's key opens none of them.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MOST_CHARACTERS: Final = 100_000
_NONCE: Final = 12


class Seal:
    """Closes and opens texts for one purpose."""

    def __init__(self, admin_digest: str, purpose: str) -> None:
        key = hmac.digest(admin_digest.encode(), b"trainyard single sign-on", "sha256")
        self._cipher, self._purpose = AESGCM(key), purpose.encode()

    def close(self, values: dict[str, Any], until: float) -> str:
        """A text with these values, which opens until a time."""
        plain = json.dumps({"values": values, "until": until}).encode()
        nonce = secrets.token_bytes(_NONCE)
        closed = nonce + self._cipher.encrypt(nonce, plain, self._purpose)
        return base64.urlsafe_b64encode(closed).decode().rstrip("=")

    def open(self, text: str, now: float) -> dict[str, Any] | None:
        """The values of a text; None for one that is not ours, of another purpose, or over."""
        if len(text) > MOST_CHARACTERS or not text.isascii():
            return None
        try:
            closed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            plain = self._cipher.decrypt(closed[:_NONCE], closed[_NONCE:], self._purpose)
        except (ValueError, InvalidTag):
            return None
        found = json.loads(plain)
        values: dict[str, Any] = found["values"]
        return values if found["until"] > now else None
