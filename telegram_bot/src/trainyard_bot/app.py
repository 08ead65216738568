"""The bot as a program: handlers at the rim, the desks behind them, the watcher beside them."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
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

from trainyard_bot.gateway.interface import Gateway
from trainyard_bot.handlers.confirmations import Questions
from trainyard_bot.handlers.registry import StockDesk
from trainyard_bot.handlers.sessions import RunDesk
from trainyard_bot.handlers.train_form import FormDesk
from trainyard_bot.notifications.poller import Watcher
from trainyard_bot.redaction import Redactor
from trainyard_bot.router import Dispatcher
from trainyard_bot.sender import Sender
from trainyard_bot.settings import Settings
from trainyard_bot.state import Memory, StateFile
from trainyard_bot.text.chart import Artist
from trainyard_bot.text.formats import Moment
from trainyard_bot.text.replies import Asker, Reply
from trainyard_bot.updates.commands import USAGES

_log = logging.getLogger(__name__)

UPDATES: Final = (Update.MESSAGE, Update.CALLBACK_QUERY)
"""What is asked for: no edited messages, which would run a command twice."""

AT_ONCE: Final = 8
"""Updates handled at the same time: one slow call of the gateway does not hold up the others."""

RETRIES_AFTER_429: Final = 5
App = Application[Any, Any, Any, Any, Any, Any]
Context = CallbackContext[Any, Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Rim:
    """What the handlers need."""

    settings: Settings
    memory: Memory
    dispatcher: Dispatcher
    sender: Sender

    async def gate(self, update: Update, _: Context) -> None:
        """Before any handler: chats and people that are not listed, and updates that were handled, go no further."""
        asker = _asker(update)
        if asker is None or not self._listed(asker):
            raise ApplicationHandlerStop
        if not await self.memory.first_time(update.update_id):
            raise ApplicationHandlerStop

    def _listed(self, asker: Asker) -> bool:
        chat = next((c for c in self.settings.chats if c.id == asker.chat), None)
        return chat is not None and (chat.users is None or asker.user in chat.users)

    async def message(self, update: Update, context: Context) -> None:
        """A command or a written answer."""
        asker, message = _asker(update), update.effective_message
        if asker is not None and message is not None and message.text:
            await self._send(
                await self.dispatcher.text(message.text, asker, context.bot.username), asker
            )

    async def tap(self, update: Update, _: Context) -> None:
        """A button."""
        asker, query = _asker(update), update.callback_query
        if asker is not None and query is not None:
            replies = await self.dispatcher.tap(query.data or "", asker)
            toast = next((reply.text for reply in replies if reply.toast), None)
            await self.sender.toast(query.id, toast)
            await self._send([r for r in replies if not r.toast], asker, _message_of(query))

    async def _send(self, replies: list[Reply], asker: Asker, tapped: int | None = None) -> None:
        for reply in replies:
            await self.sender.reply(reply, asker.chat, tapped)

    async def failed(self, _: object, context: Context) -> None:
        """What no handler caught: the log has it; the chat cannot be told when telling is what failed."""
        _log.error("an update was not handled", exc_info=context.error)


def _asker(update: Update) -> Asker | None:
    if update.effective_chat is None:
        return None
    user = update.effective_user.id if update.effective_user else None
    return Asker(update.effective_chat.id, user)


def _message_of(query: CallbackQuery) -> int | None:
    return query.message.message_id if isinstance(query.message, Message) else None


def build(
    settings: Settings,
    token: str,
    gateway: Gateway,
    redactor: Redactor,
    edit_clock: Callable[[], float] = time.monotonic,
) -> App:
    """The application with its handlers and its watcher; nothing runs yet. `edit_clock` times the edits of messages."""

    def moment(chat: int) -> Moment:
        return Moment(datetime.now(UTC), settings.zone(chat))

    memory = Memory(StateFile(settings.state_file))
    artist = Artist()
    builder = (
        ApplicationBuilder()
        .token(token)
        .base_url(f"{settings.api_base_url}/bot")
        .base_file_url(f"{settings.api_base_url}/file/bot")
        .rate_limiter(AIORateLimiter(max_retries=RETRIES_AFTER_429))
        .concurrent_updates(AT_ONCE)
    )
    questions = Questions(lambda: secrets.token_hex(8), time.monotonic)
    runs = RunDesk(gateway, questions, artist, moment)
    stock = StockDesk(gateway, questions, moment)
    forms = FormDesk(gateway, runs.show, lambda: secrets.token_hex(8))
    dispatcher = Dispatcher(runs, stock, forms, questions, lambda: secrets.token_hex(3))

    tasks: list[asyncio.Task[None]] = []

    async def rest(seconds: float) -> None:
        if settings.alive_file:
            settings.alive_file.touch()
        await asyncio.sleep(seconds)

    async def begin(app: App) -> None:
        sender = Sender(app.bot, memory, redactor, edit_clock)
        watcher = Watcher(gateway, runs, sender, memory, settings, moment)
        _add_handlers(app, Rim(settings, memory, dispatcher, sender))
        tasks.append(asyncio.create_task(watcher.run(rest), name="watcher"))
        await _show_commands(app.bot)
        _log.info("listening", extra={"bot": app.bot.username, "chats": len(settings.chats)})

    async def end(_: App) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        artist.close()
        await gateway.close()

    return builder.post_init(begin).post_stop(end).build()


def _add_handlers(app: App, rim: Rim) -> None:
    app.add_handler(TypeHandler(Update, rim.gate), group=-1)
    app.add_handler(MessageHandler(filters.TEXT & filters.UpdateType.MESSAGE, rim.message))
    app.add_handler(CallbackQueryHandler(rim.tap))
    app.add_error_handler(rim.failed)


async def _show_commands(bot: ExtBot[Any]) -> None:
    """The menu of commands in the chat; the bot works without it."""
    try:
        await bot.set_my_commands([BotCommand(n, u.does[:256]) for n, u in USAGES.items()])
    except Exception as error:
        _log.warning("the menu of commands was not set: %s", error)
