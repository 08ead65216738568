"""Why a program cannot be started."""

from __future__ import annotations


class CannotStart(Exception):
    """The program was not started; no retry with the same session can help.

    `reason` is one word for machines, `message` and `hint` are sentences for people.
    """

    def __init__(self, reason: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.hint = hint
