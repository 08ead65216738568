"""Questions that wait for a yes: one-time, bound to who asked, forgotten after a while."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from trainyard_bot.text.replies import Asker

VALID_SECONDS: Final = 300.0
OPEN_AT_MOST: Final = 1000


@dataclass(frozen=True, slots=True)
class Question:
    """What a yes does (`stop`, `cancel` or `delete`), to what, and what it is called."""

    action: str
    target: str
    name: str


class Questions:
    """Open questions. They are lost with the process; a tap on a lost one says that it is too old."""

    def __init__(self, new_id: Callable[[], str], monotonic: Callable[[], float]) -> None:
        self._new_id = new_id
        self._monotonic = monotonic
        self._open: dict[str, tuple[Question, Asker, float]] = {}

    def ask(self, question: Question, asker: Asker) -> str:
        """Open a question; its id."""
        if len(self._open) >= OPEN_AT_MOST:
            del self._open[next(iter(self._open))]
        question_id = self._new_id()
        self._open[question_id] = (question, asker, self._monotonic() + VALID_SECONDS)
        return question_id

    def take(self, question_id: str, asker: Asker) -> Question | None:
        """The question, closed by this; None for an unknown, answered or old one, or somebody else's."""
        found = self._open.get(question_id)
        if found is None or found[1] != asker:
            return None
        del self._open[question_id]
        return found[0] if self._monotonic() < found[2] else None
