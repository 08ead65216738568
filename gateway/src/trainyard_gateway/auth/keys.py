"""API keys: `ty_<8 public>_<43 secret><6 checksum>`, all base 62. Pure but for randomness.

Keys are generated here, never chosen by users.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib
from dataclasses import dataclass
from enum import StrEnum

from trainyard_api.rights.owner import DEFAULT_TEAM, Role, User
from trainyard_gateway.limits.service import Starter

_ALPHABET = string.digits + string.ascii_letters
_KEY = re.compile(r"ty_([0-9A-Za-z]{8})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})")
_SECRET_LENGTH = 43
"""43 characters of 62 are 256 bits: a plain hash is as good as a slow one."""


class Scope(StrEnum):
    """What a key allows."""

    SESSIONS_READ = "sessions:read"
    SESSIONS_WRITE = "sessions:write"
    DATASETS_READ = "datasets:read"
    DATASETS_WRITE = "datasets:write"
    MODELS_READ = "models:read"
    MODELS_WRITE = "models:write"
    SYSTEM_READ = "system:read"
    KEYS_ADMIN = "keys:admin"


EVERYTHING = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request."""

    key_id: str
    """Public part of the key."""
    name: str
    """Name of the user whose key it is; the user of the sessions that it starts."""
    scopes: frozenset[Scope]
    """What the key allows; no more than the user's role does."""
    role: Role | None = Role.MAINTAINER
    """Of the user."""
    teams: tuple[str, ...] = (DEFAULT_TEAM,)
    """Of the user."""

    @property
    def user(self) -> User:
        """The user whose key it is."""
        return User(self.name, self.role, self.teams)

    @property
    def starter(self) -> Starter:
        """Who starts sessions by this key."""
        return Starter(self.user, self.key_id)


ADMIN = Caller("admin", "admin", EVERYTHING, Role.ADMINISTRATOR)
"""The owner of the key that the gateway was started with."""


@dataclass(frozen=True, slots=True)
class KeyParts:
    """A key that is well-formed."""

    public: str
    secret: str


def generate() -> tuple[str, KeyParts]:
    """A new key, and its parts."""
    parts = KeyParts(_random(8), _random(_SECRET_LENGTH))
    return f"ty_{parts.public}_{parts.secret}{_checksum(parts)}", parts


def parse(key: str) -> KeyParts | None:
    """The parts of a key, None for anything else (a typing error shows in the checksum)."""
    found = _KEY.fullmatch(key)
    if found is None:
        return None
    parts = KeyParts(found[1], found[2])
    return parts if found[3] == _checksum(parts) else None


def digest(secret: str) -> str:
    """What is stored of a secret."""
    return hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum(parts: KeyParts) -> str:
    number, text = zlib.crc32(f"{parts.public}_{parts.secret}".encode()), ""
    for _ in range(6):
        number, digit = divmod(number, len(_ALPHABET))
        text = _ALPHABET[digit] + text
    return text
