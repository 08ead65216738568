"""The cookie that a browser gets for a key: who, until when, signed. Pure.

A cookie holds no secret of the key, and opens nothing once the key is revoked or expired, or the
administrator's key was changed. Nothing is stored for it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

LIFETIME_SECONDS = 43_200
"""A working day. After it the key is asked for again."""
NAME = "trainyard_login"
"""What the name of the cookie begins with. The installation's id follows: gateways at two ports of
a host share their cookies, and each has its own."""
SECURE_PREFIX = "__Host-"
"""Begins the name behind TLS: a browser takes it from this host only, and from no subdomain."""
_MOST = 200
_TEXT = re.compile(r"([0-9A-Za-z]{1,16})\.([0-9]{1,12})\.([0-9a-f]{32})\.([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Login:
    """What a cookie says."""

    key_id: str
    """Public part of the key."""
    expires: int
    """Seconds since 1970."""
    number: str
    """32 hexadecimal digits of this login."""


def signing_key(admin_digest: str) -> bytes:
    """The key that cookies are signed with, the same in each gateway of an installation."""
    return hmac.digest(admin_digest.encode(), b"trainyard login cookie", "sha256")


def written(login: Login, key: bytes) -> str:
    """The value of the cookie."""
    said = f"{login.key_id}.{login.expires}.{login.number}"
    return f"{said}.{_signature(said, key)}"


def read(text: str, key: bytes, now: float) -> Login | None:
    """What a cookie says; None for one that is not ours or is over."""
    found = _TEXT.fullmatch(text) if len(text) <= _MOST else None
    if found is None:
        return None
    said = text[: found.start(4) - 1]
    if not hmac.compare_digest(found[4], _signature(said, key)):
        return None
    login = Login(found[1], int(found[2]), found[3])
    return login if login.expires > now else None


def name_of(key: bytes) -> str:
    """The name of the cookie of an installation."""
    return f"{NAME}_{hmac.digest(key, b'name', 'sha256').hex()[:8]}"


def cookie_of(header: str, name: str) -> str | None:
    """The value in a Cookie header, None without one.

    Other programs of this host set cookies too, of any form: each part is read for itself.
    """
    parts = (part.partition("=") for part in header.split(";"))
    found = {each.strip(): value.strip() for each, is_given, value in parts if is_given}
    return found.get(SECURE_PREFIX + name, found.get(name))


def set_cookie(name: str, value: str, secure: bool) -> str:
    """The Set-Cookie header of a login; with an empty value, of a logout."""
    prefix, more = (SECURE_PREFIX, "; Secure") if secure else ("", "")
    age = LIFETIME_SECONDS if value else 0
    return f"{prefix}{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{more}"


def _signature(said: str, key: bytes) -> str:
    return hmac.new(key, said.encode(), hashlib.sha256).hexdigest()
