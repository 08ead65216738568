"""Headers of HTTP without the package for e-mail, which takes a megabyte.

`http.client` reads headers by `email.parser` into an `email.message.Message`. The lines of HTTP
need none of what mails may hold (RFC 9112: no folded lines, no parts), and the supervisor reads no
mail.
"""

from __future__ import annotations

import email
import sys
from types import ModuleType
from typing import Any


class Message:
    """The fields of one message; names without regard to case."""

    def __init__(self, policy: Any = None) -> None:  # noqa: ARG002  the signature of email's
        self._fields: list[tuple[str, str]] = []

    def add(self, name: str, value: str) -> None:
        """Add a field."""
        self._fields.append((name.lower(), value))

    def get_all(self, name: str, failobj: Any = None) -> Any:
        """All values of a field, `failobj` without one."""
        return [value for own, value in self._fields if own == name.lower()] or failobj

    def get(self, name: str, failobj: Any = None) -> Any:
        """The first value of a field, `failobj` without one."""
        return self.get_all(name, [failobj])[0]

    __getitem__ = get

    def __contains__(self, name: str) -> bool:
        return bool(self.get_all(name))

    def keys(self) -> list[str]:
        """The names of the fields."""
        return [name for name, _ in self._fields]

    def items(self) -> list[tuple[str, str]]:
        """Names and values."""
        return list(self._fields)


class Parser:
    """Makes a message of class `_class` from the text of its head."""

    def __init__(self, _class: type[Message] = Message) -> None:
        self._class = _class

    def parsestr(self, text: str) -> Message:
        """The fields of a head; a line that is none is passed over."""
        message = self._class()
        for line in text.split("\n"):
            name, colon, value = line.partition(":")
            if colon and name and name == name.strip():
                message.add(name, value.strip())
        return message


def stand_in() -> None:
    """Let `http.client` read headers by this; what has imported the package keeps it."""
    if "email.message" in sys.modules or "email.parser" in sys.modules:
        return
    for name, part in (("message", Message), ("parser", Parser)):
        module: Any = ModuleType(f"email.{name}")
        setattr(module, part.__name__, part)
        sys.modules[module.__name__] = module
        setattr(email, name, module)
