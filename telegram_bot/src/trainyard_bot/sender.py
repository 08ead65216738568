"""Delivers replies to chats through the Bot API."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, InputFile, LinkPreviewOptions
from telegram.constants import ParseMode
from telegram.error import BadRequest

from trainyard_bot.redaction import Redactor
from trainyard_bot.state import LiveMessage, StateStore, with_live, without_live
from trainyard_bot.text.formats import CAPTION_LIMIT, length, plain, untappable
from trainyard_bot.text.replies import Reply
from trainyard_bot.updates.callback_data import Keyboard, encode

_log = logging.getLogger(__name__)
_NO_PREVIEW: Final = LinkPreviewOptions(is_disabled=True)
TOAST_LIMIT: Final = 200
"""Characters of a toast (Bot API, answerCallbackQuery)."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a message shows, and since when in the sender's seconds."""

    text: str
    keyboard: Keyboard
    since: float


class Sender:
    """Sends and edits; the bot's rate limiter waits out 429. All methods raise `TelegramError`."""

    def __init__(
        self, bot: Bot, store: StateStore, redactor: Redactor, monotonic: Callable[[], float]
    ) -> None:
        """`store` keeps the live messages; `monotonic` counts the seconds between edits."""
        self._bot = bot
        self._store = store
        self._redact = redactor
        self._monotonic = monotonic
        self._shown: dict[tuple[int, int], _Shown] = {}

    @property
    def remembered(self) -> int:
        """Number of messages whose text is kept to compare with: the live ones since the start."""
        return len(self._shown)

    async def reply(self, reply: Reply, chat: int, tapped: int | None = None) -> None:
        """Deliver one reply to `chat`; `tapped` is the message whose button was tapped."""
        edited = tapped if reply.edit else None
        if edited is not None and await self._edit(chat, edited, reply.text, reply.keyboard):
            message = edited
        else:
            message = await self.send(reply, chat)
        if reply.live is not None:
            live = LiveMessage(chat=chat, message=message, uid=reply.live)
            await self._store.change(lambda state: with_live(state, live))
            self._remember(live, reply.text, reply.keyboard)

    async def send(self, reply: Reply, chat: int) -> int:
        """Send a message and return its number; refused HTML is sent as plain text."""
        text = self._redact(reply.text)
        try:
            return await self._put(reply, chat, text, ParseMode.HTML)
        except BadRequest as error:
            if "parse entities" not in str(error):
                raise
            _log.exception("the Bot API refused the HTML of a message; it is sent as plain text")
            return await self._put(reply, chat, untappable(plain(text)), None)

    async def _put(self, reply: Reply, chat: int, text: str, mode: ParseMode | None) -> int:
        markup = _markup(reply.keyboard)
        attachment = reply.picture or reply.file
        if attachment is not None and length(text) > CAPTION_LIMIT:
            await self._put(Reply(reply.text), chat, text, mode)
            text = ""
        if attachment is None:
            message = await self._bot.send_message(
                chat, text, parse_mode=mode, reply_markup=markup, link_preview_options=_NO_PREVIEW
            )
            return message.message_id
        file = InputFile(attachment.content, filename=attachment.name)
        if reply.picture is not None:
            message = await self._bot.send_photo(
                chat, file, caption=text, parse_mode=mode, reply_markup=markup
            )
        else:
            message = await self._bot.send_document(
                chat, file, caption=text, parse_mode=mode, reply_markup=markup
            )
        return message.message_id

    async def toast(self, query_id: str, text: str | None) -> None:
        """Answer a tap, with a short text over the chat or without."""
        shown = None if text is None else plain(self._redact(text))[:TOAST_LIMIT]
        try:
            await self._bot.answer_callback_query(query_id, text=shown)
        except BadRequest as error:
            # A tap older than about a minute cannot be answered; what it asks for was still done.
            _log.info("a tap was not answered: %s", error.message)

    async def refresh(
        self, live: LiveMessage, text: str, keyboard: Keyboard, pause: float, last: bool
    ) -> None:
        """Edit a live message if it changed, unless it was edited less than `pause` seconds ago.

        After the `last` edit, or if the message was deleted, it is no longer a live message.
        """
        shown = self._shown.get((live.chat, live.message))
        if shown is None or (shown.text, shown.keyboard) != (text, keyboard):
            if shown is not None and self._monotonic() - shown.since < pause:
                return
            there = await self._edit(live.chat, live.message, text, keyboard)
            self._remember(live, text, keyboard)
            last = last or not there
        if last:
            await self._store.change(lambda state: without_live(state, live))
            self._shown.pop((live.chat, live.message), None)

    def _remember(self, live: LiveMessage, text: str, keyboard: Keyboard) -> None:
        """Keep what a live message shows, and forget messages that are no longer live."""
        self._shown[live.chat, live.message] = _Shown(text, keyboard, self._monotonic())
        still_live = {(one.chat, one.message) for one in self._store.state.live}
        self._shown = {key: shown for key, shown in self._shown.items() if key in still_live}

    async def _edit(self, chat: int, message: int, text: str, keyboard: Keyboard) -> bool:
        """Whether the message shows `text` now; False if it is deleted or too old to edit."""
        try:
            await self._bot.edit_message_text(
                self._redact(text),
                chat_id=chat,
                message_id=message,
                parse_mode=ParseMode.HTML,
                reply_markup=_markup(keyboard),
                link_preview_options=_NO_PREVIEW,
            )
        except BadRequest as error:
            if "not modified" not in str(error):
                _log.info("message %d in chat %d is not edited: %s", message, chat, error.message)
                return False
        return True


def _markup(keyboard: Keyboard) -> InlineKeyboardMarkup | None:
    if not keyboard:
        return None
    return InlineKeyboardMarkup(
        [
            [
                InlineKeyboardButton(button.caption, callback_data=encode(button.data))
                for button in row
            ]
            for row in keyboard
        ]
    )
