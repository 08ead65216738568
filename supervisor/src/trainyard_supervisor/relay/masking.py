"""Masks what programs log: names of metrics come again and again, so that they are remembered."""

from __future__ import annotations

from typing import Any

from trainyard.reporting.secret_mask import SecretMask

MOST_TEXTS = 5000
LONGEST = 250
"""Characters of texts that are remembered."""


class FieldMask:
    """Masks the texts of JSON."""

    def __init__(self, mask: SecretMask) -> None:
        self._mask = mask
        self._known: dict[str, str] = {}

    def text(self, text: str) -> str:
        """A text without values of Secrets."""
        if not self._mask:
            return text
        known = self._known.get(text)
        if known is None:
            known = self._mask.in_text(text)
            if len(text) <= LONGEST and len(self._known) < MOST_TEXTS:
                self._known[text] = known
        return known

    def fields(self, value: Any) -> Any:
        """A value of JSON without them."""
        if not self._mask:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(name): self.fields(below) for name, below in value.items()}
        if isinstance(value, list):
            return [self.fields(below) for below in value]
        return value
