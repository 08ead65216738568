"""Text that every database and client can hold."""

from __future__ import annotations


def escape_nul(text: str) -> str:
    r"""The text with each NUL character written as `\0`.

    PostgreSQL rejects NUL in text, and several clients end a text at it.
    """
    return text.replace("\x00", "\\0") if "\x00" in text else text
