"""Confirmations: used once, by the person who was asked, within five minutes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from trainyard_bot.updates.user_context import UserContext

VALID_SECONDS: Final = 300.0
OPEN_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a yes does.

    `operation` is `stop`, `cancel` or `delete`; `target` is a session's UID or a model's name;
    `name` is what people call it.
    """

    operation: str
    target: str
    name: str


class Confirmations:
    """The open confirmations. A restart loses them; a tap on a lost one says that it is too old."""

    def __init__(self, new_id: Callable[[], str], monotonic: Callable[[], float]) -> None:
        """`new_id` makes ids that cannot be guessed; `monotonic` counts seconds."""
        self._new_id = new_id
        self._monotonic = monotonic
        self._open: dict[str, tuple[Confirmation, UserContext, float]] = {}

    def ask(self, confirmation: Confirmation, user: UserContext) -> str:
        """Open a confirmation for `user` and return its id; `OPEN_MAX` stay open."""
        if len(self._open) >= OPEN_MAX:
            del self._open[next(iter(self._open))]
        confirmation_id = self._new_id()
        self._open[confirmation_id] = (confirmation, user, self._monotonic() + VALID_SECONDS)
        return confirmation_id

    def take(self, confirmation_id: str, user: UserContext) -> Confirmation | None:
        """Close a confirmation and return it.

        None if it is unknown, answered, too old, or another person's; another person's stays open.
        """
        found = self._open.get(confirmation_id)
        if found is None or found[1] != user:
            return None
        del self._open[confirmation_id]
        return found[0] if self._monotonic() < found[2] else None
