"""SHA-256 with as little memory as its contents need. The standard library alone."""

from __future__ import annotations

from importlib import import_module
from typing import Any

LARGE_BYTES = 32 << 20
"""OpenSSL's hashes such a content in a fifth of the time, and takes three megabytes of memory."""
_BUILT_IN = ("_sha2", "_sha256")
"""Python's own since 3.12, and before: as `random` imports them."""


def sha256_of(size: int) -> Any:
    """An object as `hashlib.sha256()` makes it, for about so many bytes."""
    if size < LARGE_BYTES:
        for name in _BUILT_IN:
            try:
                return import_module(name).sha256()
            except (ImportError, AttributeError):
                continue
    import hashlib  # OpenSSL, which is loaded for large contents alone

    return hashlib.sha256()
