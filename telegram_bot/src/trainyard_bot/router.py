"""From what came in to the desk that answers it; every failure becomes a sentence."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from types import MappingProxyType
from typing import Final

from trainyard_bot.gateway.errors import GatewayError
from trainyard_bot.handlers.confirmations import Questions
from trainyard_bot.handlers.registry import StockDesk
from trainyard_bot.handlers.sessions import RunDesk
from trainyard_bot.handlers.train_form import FormDesk
from trainyard_bot.text import common as messages
from trainyard_bot.text.replies import Asker, Reply
from trainyard_bot.updates.callback_data import Tap, decode
from trainyard_bot.updates.commands import Command, Mistake, parse

_log = logging.getLogger(__name__)
_STOCK = frozenset({"md", "mf", "dm", "ds"})
_ATTEMPTS: Final = MappingProxyType(
    {
        "st": "status",
        "lg": "logs",
        "mt": "metrics",
        "sp": "stop",
        "su": "suspend",
        "re": "resume",
        "up": "raise",
        "cn": "cancel",
        "md": "models",
        "mf": "file",
        "dm": "delete",
        "ds": "datasets",
        "tr": "train",
        "fm": "form",
    }
)
"""What a button is for, in the keys of `messages.ATTEMPTS`; commands have their names there."""


class Dispatcher:
    """Texts and taps in, replies out. Raises nothing."""

    def __init__(
        self,
        runs: RunDesk,
        stock: StockDesk,
        forms: FormDesk,
        questions: Questions,
        new_id: Callable[[], str],
    ) -> None:
        self._runs = runs
        self._stock = stock
        self._forms = forms
        self._questions = questions
        self._new_id = new_id

    async def text(self, text: str, asker: Asker, bot_name: str) -> list[Reply]:
        """The answer to a message; nothing for talk in a group that is not meant for the bot."""
        understood = parse(text, bot_name)
        if isinstance(understood, Mistake):
            return [Reply(messages.mistake(understood))]
        if isinstance(understood, Command):
            return await self._guarded(self._command(understood, asker, bot_name), understood.name)
        if text.startswith("/"):
            return []
        return await self._guarded(self._talk(text, asker), "form")

    async def _talk(self, text: str, asker: Asker) -> list[Reply]:
        answer = await self._forms.text(text, asker)
        if answer is not None:
            return answer
        return [Reply(messages.HINT)] if asker.private else []

    async def tap(self, data: str, asker: Asker) -> list[Reply]:
        """The answer to a button."""
        tap = decode(data)
        if tap is None:
            return [Reply(messages.EXPIRED, toast=True)]
        if tap.action in ("ok", "no"):
            return await self._answer(tap, asker)
        return await self._guarded(self._tap(tap, asker), _ATTEMPTS[tap.action])

    async def _command(self, command: Command, asker: Asker, bot_name: str) -> list[Reply]:
        match command.name:
            case "start":
                return [Reply(messages.welcome(bot_name, asker.chat))]
            case "help":
                return [Reply(messages.help_text())]
            case "train":
                return await self._forms.open(command.fields, asker)
            case "models":
                return await self._stock.models(command, asker)
            case "datasets":
                return await self._stock.datasets(command, asker)
            case "system":
                return await self._stock.system()
            case _:
                return await self._about_runs(command, asker)

    async def _about_runs(self, command: Command, asker: Asker) -> list[Reply]:
        if command.name == "sessions":
            return await self._runs.sessions(command, asker)
        if command.name == "queue":
            return await self._runs.queue(asker)
        if command.name == "cancel" and command.target is None and self._forms.leave(asker):
            return [Reply(messages.FORM_LEFT)]
        return await self._runs.command(command, asker)

    async def _tap(self, tap: Tap, asker: Asker) -> list[Reply]:
        if tap.action == "fm":
            return await self._forms.tap(tap, asker)
        if tap.action == "tr":
            found = await self._stock.dataset_named(tap.argument)
            if found is None:
                return [Reply(messages.GONE)]
            return await self._forms.open({"dataset": found.name}, asker)
        desk = self._stock if tap.action in _STOCK else self._runs
        return await desk.tap(tap, asker)

    async def _answer(self, tap: Tap, asker: Asker) -> list[Reply]:
        question = self._questions.take(tap.argument, asker)
        if question is None:
            return [Reply(messages.EXPIRED, toast=True)]
        if tap.action == "no":
            return [Reply(messages.KEPT, edit=True)]
        desk = self._stock if question.action == "delete" else self._runs
        return await self._guarded(desk.confirmed(question), question.action)

    async def _guarded(self, answer: Awaitable[list[Reply]], attempt: str) -> list[Reply]:
        try:
            return await answer
        except GatewayError as error:
            return [Reply(messages.problem(error.problem, attempt))]
        except Exception:
            short_id = self._new_id()
            _log.exception("a command failed", extra={"id": short_id})
            return [Reply(messages.fault(short_id))]
