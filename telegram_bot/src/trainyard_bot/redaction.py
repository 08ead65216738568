"""Keeps the bot's token and the API key out of everything that is written or said.

The token is part of every Bot API URL, so it turns up in the HTTP client's log lines, in exceptions
and in tracebacks. Redaction therefore happens on the finished text: `RedactingFormatter` wraps the
formatter of the only log handler, and `Redactor` cleans what is sent to chats.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

MASK: Final = "[redacted]"

_BOT_TOKEN = re.compile(r"[0-9]{5,}(?::|%3A)[A-Za-z0-9_-]{20,}", re.IGNORECASE)
_BEARER = re.compile(r"(bearer\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)


class Redactor:
    """Replaces known secrets, and text in the form of a bot token or bearer token, by a mask."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets if secret for form in (secret, quote(secret, safe=""))}
        # Longest first: a secret that contains another is replaced whole.
        ordered = sorted(forms, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def __call__(self, text: str) -> str:
        """`text` without secrets."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        return _BEARER.sub(rf"\1{MASK}", _BOT_TOKEN.sub(MASK, text))

    def __repr__(self) -> str:
        return "Redactor(…)"


class RedactingFormatter(logging.Formatter):
    """Formats with `inner` (message, traceback, stack and all), then redacts the result."""

    def __init__(self, inner: logging.Formatter, redactor: Redactor) -> None:
        super().__init__()
        self._inner = inner
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """The finished line without secrets."""
        return self._redactor(self._inner.format(record))
