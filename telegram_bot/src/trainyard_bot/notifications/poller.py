"""Looks at the gateway again and again: sends what is due, keeps live messages up to date."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from telegram.error import BadRequest, Forbidden, TelegramError

from trainyard_bot.gateway.errors import GatewayError
from trainyard_bot.gateway.interface import Gateway
from trainyard_bot.gateway.views import Run
from trainyard_bot.handlers.sessions import RunDesk
from trainyard_bot.notifications.plan import Audience, plan
from trainyard_bot.notifications.rules import Thresholds
from trainyard_bot.sender import Sender
from trainyard_bot.settings import Settings
from trainyard_bot.state import Live, Memory, Outgoing, without_live, without_outgoing
from trainyard_bot.text import keyboards
from trainyard_bot.text import sessions as run_messages
from trainyard_bot.text.formats import Moment, escape
from trainyard_bot.text.replies import Reply

_log = logging.getLogger(__name__)
LONGEST_BACKOFF: Final = 60.0


def pause_after(failures: int, poll_seconds: float) -> float:
    """Seconds until the next look after so many failed ones in a row: the usual pause, doubled each time up to `LONGEST_BACKOFF`."""
    return max(poll_seconds, min(LONGEST_BACKOFF, poll_seconds * 2.0 ** min(failures, 16)))


class Watcher:
    """One look after another. A look that fails is repeated, later and later, up to `LONGEST_BACKOFF` seconds."""

    def __init__(
        self,
        gateway: Gateway,
        desk: RunDesk,
        sender: Sender,
        memory: Memory,
        settings: Settings,
        moment: Callable[[int], Moment],
    ) -> None:
        self._gateway = gateway
        self._desk = desk
        self._sender = sender
        self._memory = memory
        self._settings = settings
        self._moment = moment

    async def run(self, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Look until cancelled."""
        failures = 0
        while True:
            try:
                await self.look()
                failures = 0
            except GatewayError as error:
                failures += 1
                _log.warning("cannot look at the gateway: %s", error)
            except Exception:
                failures += 1
                _log.exception("a look at the gateway failed")
            await pause(pause_after(failures, self._settings.poll_seconds))

    async def look(self) -> None:
        """One look: plan (on disk before anything is sent), send, edit."""
        # What an earlier life could not send goes first, whether the gateway answers or not.
        await self._deliver()
        runs = await self._gateway.watched()
        settings = self._settings
        thresholds = Thresholds(settings.starts_soon_seconds, settings.stalled_seconds)
        audiences = [Audience(c.id, c.notify, self._moment(c.id)) for c in settings.chats]
        now = self._moment(settings.chats[0].id).now
        await self._memory.change(lambda s: plan(s, runs, audiences, now, thresholds))
        await self._deliver()
        await self._refresh(runs)

    async def _deliver(self) -> None:
        """Send the outbox in order; a chat that cannot be reached keeps the rest of its messages."""
        unreachable: set[int] = set()
        for outgoing in self._memory.state.outbox:
            if outgoing.chat in unreachable:
                continue
            try:
                settled = await self._settle(outgoing)
            except TelegramError as error:
                _log.warning("a notice to chat %d waits: %s", outgoing.chat, error)
                unreachable.add(outgoing.chat)
                continue
            if settled:
                await self._memory.change(partial(without_outgoing, sent=outgoing))

    async def _settle(self, outgoing: Outgoing) -> bool:
        """Whether the message is dealt with: sent, or impossible to send ever."""
        if all(chat.id != outgoing.chat for chat in self._settings.chats):
            return True
        try:
            reply = await self._reply(outgoing)
            if reply is not None:
                await self._sender.send(reply, outgoing.chat)
        except GatewayError as error:
            return not error.passing
        except (BadRequest, Forbidden) as error:
            _log.error("chat %d refuses a notice: %s", outgoing.chat, error)
        return True

    async def _reply(self, outgoing: Outgoing) -> Reply | None:
        if outgoing.kind == "text":
            return Reply(outgoing.text)
        picture = await self._desk.curve(Run(uid=outgoing.uid, name=outgoing.name, phase=""))
        return Reply(f"<b>{escape(outgoing.name)}</b>", picture=picture) if picture else None

    async def _refresh(self, runs: Sequence[Run]) -> None:
        by_uid = {run.uid: run for run in runs}
        for live in self._memory.state.live:
            try:
                await self._refresh_one(live, by_uid.get(live.uid))
            except TelegramError as error:
                _log.warning("a live message in chat %d waits: %s", live.chat, error)

    async def _refresh_one(self, live: Live, run: Run | None) -> None:
        if run is None:
            try:
                run = await self._gateway.run(live.uid)
            except GatewayError as error:
                if not error.passing:
                    await self._memory.change(lambda s: without_live(s, live))
                return
        text = run_messages.run(run, self._moment(live.chat))
        pause = self._settings.edit_seconds
        await self._sender.refresh(live, text, keyboards.for_run(run), pause, last=run.over)
