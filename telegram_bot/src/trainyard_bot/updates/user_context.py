"""Who sent an update."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UserContext:
    """A person in a chat: Telegram's numbers. `user` is None for posts of a channel."""

    chat: int
    user: int | None

    @property
    def private(self) -> bool:
        """Whether the chat has one person only; groups have negative numbers."""
        return self.chat > 0
