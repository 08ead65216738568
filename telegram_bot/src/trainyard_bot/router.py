"""From an update to the handler that answers it; every failure becomes a sentence."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Final

from trainyard_bot.gateway.errors import GatewayError
from trainyard_bot.handlers.confirmations import Confirmations
from trainyard_bot.handlers.registry import RegistryHandlers
from trainyard_bot.handlers.sessions import SessionHandlers
from trainyard_bot.handlers.train_form import TrainFormHandlers
from trainyard_bot.text import answers, problems
from trainyard_bot.text.replies import Reply
from trainyard_bot.updates.callback_data import Action, CallbackData, decode
from trainyard_bot.updates.commands import Command, parse
from trainyard_bot.updates.fields import ParseError
from trainyard_bot.updates.user_context import UserContext

_log = logging.getLogger(__name__)

Replies = Awaitable[list[Reply]]


@dataclass(frozen=True, slots=True)
class ButtonRoute:
    """The handler of a button, and the key of `problems.OPERATIONS` that says what failed."""

    operation: str
    handle: Callable[[str, UserContext], Replies]


class Router:
    """Texts and taps in, replies out. Raises nothing."""

    def __init__(
        self,
        sessions: SessionHandlers,
        registry: RegistryHandlers,
        forms: TrainFormHandlers,
        confirmations: Confirmations,
        new_id: Callable[[], str],
    ) -> None:
        """`new_id` makes the ids by which an error in a chat is found in the log."""
        self._sessions = sessions
        self._registry = registry
        self._forms = forms
        self._confirmations = confirmations
        self._new_id = new_id
        self._commands = self._command_routes()
        self.buttons: Final = self._button_routes()

    async def text(self, text: str, user: UserContext, bot_name: str) -> list[Reply]:
        """The answer to a message; none to talk in a group, and none to commands for other bots."""
        parsed = parse(text, bot_name)
        if isinstance(parsed, ParseError):
            return [Reply(problems.parse_error(parsed))]
        if isinstance(parsed, Command):
            return await self._guarded(self._command(parsed, user, bot_name), parsed.name)
        if text.startswith("/"):
            return []
        return await self._guarded(self._talk(text, user), "form")

    async def tap(self, data: str, user: UserContext) -> list[Reply]:
        """The answer to a button."""
        decoded = decode(data)
        if decoded is None:
            return [Reply(answers.EXPIRED, toast=True)]
        if decoded.action in (Action.CONFIRM, Action.DISMISS):
            return await self._confirm(decoded, user)
        route = self.buttons[decoded.action]
        return await self._guarded(route.handle(decoded.argument, user), route.operation)

    def _command_routes(self) -> Mapping[str, Callable[[Command, UserContext], Replies]]:
        """Commands by name, but /start, /help and /train: see `_command`."""
        of_session = self._sessions.command
        return MappingProxyType(
            {
                "sessions": self._sessions.list_sessions,
                "queue": self._sessions.queue,
                "status": of_session,
                "metrics": of_session,
                "logs": of_session,
                "stop": of_session,
                "cancel": self._cancel,
                "models": self._registry.models,
                "datasets": self._registry.datasets,
                "system": self._registry.system,
            }
        )

    def _button_routes(self) -> Mapping[Action, ButtonRoute]:
        """Every action but CONFIRM and DISMISS, whose operation the confirmation knows."""
        like_command = self._sessions.button
        return MappingProxyType(
            {
                Action.STATUS: ButtonRoute("status", partial(like_command, "status")),
                Action.LOGS: ButtonRoute("logs", partial(like_command, "logs")),
                Action.METRICS: ButtonRoute("metrics", partial(like_command, "metrics")),
                Action.STOP: ButtonRoute("stop", partial(like_command, "stop")),
                Action.CANCEL: ButtonRoute("cancel", partial(like_command, "cancel")),
                Action.SUSPEND: ButtonRoute("suspend", self._sessions.suspend),
                Action.RESUME: ButtonRoute("resume", self._sessions.resume),
                Action.RAISE_PRIORITY: ButtonRoute("raise", self._sessions.raise_priority),
                Action.SHOW_MODEL: ButtonRoute("models", self._registry.show_model),
                Action.SEND_MODEL: ButtonRoute("file", self._registry.send_model),
                Action.DELETE_MODEL: ButtonRoute("delete", self._registry.ask_to_delete),
                Action.SHOW_DATASET: ButtonRoute("datasets", self._registry.show_dataset),
                Action.TRAIN: ButtonRoute("train", self._train_with),
                Action.FORM: ButtonRoute("form", self._forms.button),
            }
        )

    async def _command(self, command: Command, user: UserContext, bot_name: str) -> list[Reply]:
        match command.name:
            case "start":
                return [Reply(answers.welcome(bot_name, user.chat))]
            case "help":
                return [Reply(answers.help_text())]
            case "train":
                return await self._forms.open(command.fields, user)
            case name:
                return await self._commands[name](command, user)

    async def _cancel(self, command: Command, user: UserContext) -> list[Reply]:
        """/cancel: without a name it closes an open form first."""
        if command.target is None and self._forms.close(user):
            return [Reply(answers.FORM_CLOSED)]
        return await self._sessions.command(command, user)

    async def _train_with(self, key: str, user: UserContext) -> list[Reply]:
        """The button that opens the form with a dataset."""
        name = await self._registry.find_dataset(key)
        if name is None:
            return [Reply(answers.NOT_FOUND)]
        return await self._forms.open({"dataset": name}, user)

    async def _talk(self, text: str, user: UserContext) -> list[Reply]:
        answer = await self._forms.text(text, user)
        if answer is not None:
            return answer
        return [Reply(answers.HINT)] if user.private else []

    async def _confirm(self, decoded: CallbackData, user: UserContext) -> list[Reply]:
        confirmation = self._confirmations.take(decoded.argument, user)
        if confirmation is None:
            return [Reply(answers.EXPIRED, toast=True)]
        if decoded.action is Action.DISMISS:
            return [Reply(answers.UNCHANGED, edit=True)]
        operation = confirmation.operation
        if operation == "delete":
            return await self._guarded(self._registry.confirmed(confirmation), operation)
        return await self._guarded(self._sessions.confirmed(confirmation), operation)

    async def _guarded(self, answer: Replies, operation: str) -> list[Reply]:
        try:
            return await answer
        except GatewayError as error:
            return [Reply(problems.problem(error.problem, operation))]
        except Exception:
            error_id = self._new_id()
            _log.exception("a command failed", extra={"id": error_id})
            return [Reply(problems.fault(error_id))]
