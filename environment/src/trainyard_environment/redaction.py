"""Keeps credentials out of everything that is printed, kept or passed on. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

HIDDEN = "****"
_IN_URL = re.compile(r"(?<=//)[^/\s@]*@")
"""What stands before the host of a URL."""
_SHORTEST = 3
"""Shorter values could be parts of words."""


class Redaction:
    """Takes known secrets, and the credentials of every URL, out of a text."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for s in secrets if len(s) >= _SHORTEST for form in (s, quote(s, safe=""))}
        self._secrets = sorted(forms, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return _IN_URL.sub(f"{HIDDEN}@", text)
