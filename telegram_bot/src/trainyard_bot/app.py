"""The bot as an application: its parts, the handlers of updates, and the poller beside them."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from telegram import BotCommand, CallbackQuery, Message, Update
from telegram.ext import (
    AIORateLimiter,
    Application,
    ApplicationBuilder,
    ApplicationHandlerStop,
    CallbackContext,
    CallbackQueryHandler,
    ExtBot,
    MessageHandler,
    TypeHandler,
    filters,
)

from trainyard_bot.gateway.client import GatewayClient
from trainyard_bot.handlers.confirmations import Confirmations
from trainyard_bot.handlers.registry import RegistryHandlers
from trainyard_bot.handlers.sessions import SessionHandlers
from trainyard_bot.handlers.train_form import TrainFormHandlers
from trainyard_bot.notifications.poller import Poller
from trainyard_bot.redaction import Redactor
from trainyard_bot.router import Router
from trainyard_bot.sender import Sender
from trainyard_bot.settings import Settings
from trainyard_bot.state import StateFile, StateStore
from trainyard_bot.text.chart import ChartRenderer
from trainyard_bot.text.formats import LocalTime
from trainyard_bot.text.replies import Reply
from trainyard_bot.updates.commands import USAGES
from trainyard_bot.updates.user_context import UserContext

_log = logging.getLogger(__name__)

UPDATES: Final = (Update.MESSAGE, Update.CALLBACK_QUERY)
"""The updates that the bot asks for: no edited messages, which would run a command twice."""

CONCURRENT_UPDATES: Final = 8
"""Updates handled at the same time: one slow call of the gateway does not hold up the others."""

RETRIES_AFTER_429: Final = 5
App = Application[Any, Any, Any, Any, Any, Any]
Context = CallbackContext[Any, Any, Any, Any]


@dataclass(frozen=True, slots=True)
class UpdateHandlers:
    """What python-telegram-bot calls for each update."""

    settings: Settings
    store: StateStore
    router: Router
    sender: Sender

    async def authorize(self, update: Update, _: Context) -> None:
        """Before any other handler: drop updates that are repeated or not from listed people."""
        user = _user_of(update)
        if user is None or not self._listed(user):
            raise ApplicationHandlerStop
        if not await self.store.first_time(update.update_id):
            raise ApplicationHandlerStop

    def _listed(self, user: UserContext) -> bool:
        chat = next((c for c in self.settings.chats if c.id == user.chat), None)
        return chat is not None and (chat.users is None or user.user in chat.users)

    async def message(self, update: Update, context: Context) -> None:
        """Answer a command or a written answer to the form."""
        user, message = _user_of(update), update.effective_message
        if user is not None and message is not None and message.text:
            replies = await self.router.text(message.text, user, context.bot.username)
            await self._send(replies, user)

    async def tap(self, update: Update, _: Context) -> None:
        """Answer a tap on a button."""
        user, query = _user_of(update), update.callback_query
        if user is not None and query is not None:
            replies = await self.router.tap(query.data or "", user)
            toast = next((reply.text for reply in replies if reply.toast), None)
            await self.sender.toast(query.id, toast)
            messages = [reply for reply in replies if not reply.toast]
            await self._send(messages, user, _message_of(query))

    async def _send(
        self, replies: list[Reply], user: UserContext, tapped: int | None = None
    ) -> None:
        for reply in replies:
            await self.sender.reply(reply, user.chat, tapped)

    async def failed(self, _: object, context: Context) -> None:
        """Log an error that no handler caught, such as an answer that could not be sent."""
        _log.error("an update was not handled", exc_info=context.error)

    def add_to(self, app: App) -> None:
        """Register all of them."""
        app.add_handler(TypeHandler(Update, self.authorize), group=-1)
        app.add_handler(MessageHandler(filters.TEXT & filters.UpdateType.MESSAGE, self.message))
        app.add_handler(CallbackQueryHandler(self.tap))
        app.add_error_handler(self.failed)


def _user_of(update: Update) -> UserContext | None:
    if update.effective_chat is None:
        return None
    user = update.effective_user.id if update.effective_user else None
    return UserContext(update.effective_chat.id, user)


def _message_of(query: CallbackQuery) -> int | None:
    return query.message.message_id if isinstance(query.message, Message) else None


@dataclass(slots=True)
class _Bot:
    """The parts of the bot, and their start and end."""

    settings: Settings
    gateway: GatewayClient
    redactor: Redactor
    edit_clock: Callable[[], float]
    store: StateStore
    charts: ChartRenderer = field(default_factory=ChartRenderer)
    poller: asyncio.Task[None] | None = None

    def local_time(self, chat: int) -> LocalTime:
        """The present time, in the zone of a chat."""
        return LocalTime(datetime.now(UTC), self.settings.zone(chat))

    async def start(self, app: App) -> None:
        """Register the handlers and begin to poll; called once the token was accepted."""
        confirmations = Confirmations(lambda: secrets.token_hex(8), time.monotonic)
        sessions = SessionHandlers(self.gateway, confirmations, self.charts, self.local_time)
        registry = RegistryHandlers(self.gateway, confirmations, self.local_time)
        forms = TrainFormHandlers(self.gateway, sessions.show, lambda: secrets.token_hex(8))
        router = Router(sessions, registry, forms, confirmations, lambda: secrets.token_hex(3))
        sender = Sender(app.bot, self.store, self.redactor, self.edit_clock)
        UpdateHandlers(self.settings, self.store, router, sender).add_to(app)
        poller = Poller(
            self.gateway, sessions.chart, sender, self.store, self.settings, self.local_time
        )
        self.poller = asyncio.create_task(poller.run(self.pause), name="poller")
        self.poller.add_done_callback(lambda task: stop_if_failed(app, task))
        await _show_commands(app.bot)
        chats = len(self.settings.chats)
        _log.info("listening", extra={"bot": app.bot.username, "chats": chats})

    async def pause(self, seconds: float) -> None:
        """Between two polls: tell the probe that the bot is alive, and wait."""
        try:
            if self.settings.alive_file:
                self.settings.alive_file.touch()
        except OSError as error:
            # The probe then restarts the bot; until that it works.
            _log.warning("aliveFile cannot be touched: %s", error)
        await asyncio.sleep(seconds)

    async def stop(self, _: App) -> None:
        """End the poller and close what is open."""
        if self.poller is not None:
            self.poller.cancel()
            await asyncio.gather(self.poller, return_exceptions=True)
        self.charts.close()
        await self.gateway.close()


def build(
    settings: Settings,
    token: str,
    gateway: GatewayClient,
    redactor: Redactor,
    edit_clock: Callable[[], float] = time.monotonic,
) -> App:
    """The application; nothing runs yet. `edit_clock` counts seconds between edits of a message."""
    store = StateStore(StateFile(settings.state_file))
    bot = _Bot(settings, gateway, redactor, edit_clock, store)
    return (
        ApplicationBuilder()
        .token(token)
        .base_url(f"{settings.api_base_url}/bot")
        .base_file_url(f"{settings.api_base_url}/file/bot")
        .rate_limiter(AIORateLimiter(max_retries=RETRIES_AFTER_429))
        .concurrent_updates(CONCURRENT_UPDATES)
        .post_init(bot.start)
        .post_stop(bot.stop)
        .build()
    )


def stop_if_failed(app: App, task: asyncio.Task[None]) -> None:
    """Stop the bot if a background task ended by an error, so that it is started again."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.critical("a background task failed; the bot stops", exc_info=error)
        app.stop_running()


async def _show_commands(bot: ExtBot[Any]) -> None:
    """Set the menu of commands in the chat; the bot works without it."""
    try:
        await bot.set_my_commands(
            [BotCommand(name, usage.does[:256]) for name, usage in USAGES.items()]
        )
    except Exception as error:
        _log.warning("the menu of commands was not set: %s", error)
