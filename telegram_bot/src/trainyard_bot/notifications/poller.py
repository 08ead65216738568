"""Polls the gateway: sends the notices that are due and keeps live messages up to date."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from telegram.error import BadRequest, ChatMigrated, Forbidden, TelegramError

from trainyard.models import Session
from trainyard_bot.gateway.client import GatewayClient
from trainyard_bot.gateway.errors import GatewayError
from trainyard_bot.notifications.plan import Subscription, announced_long_ago, plan
from trainyard_bot.notifications.rules import Thresholds
from trainyard_bot.sender import Sender
from trainyard_bot.settings import Settings
from trainyard_bot.state import (
    LiveMessage,
    Outgoing,
    State,
    StateStore,
    without_live,
    without_outgoing,
)
from trainyard_bot.text import keyboards
from trainyard_bot.text import sessions as text
from trainyard_bot.text.formats import LocalTime, name_of
from trainyard_bot.text.replies import Attachment, Reply

_log = logging.getLogger(__name__)
BACKOFF_SECONDS_MAX: Final = 60.0


def pause_seconds(failures: int, poll_seconds: float) -> float:
    """Seconds until the next poll after `failures` failed ones in a row.

    The usual pause, doubled with each failure up to `BACKOFF_SECONDS_MAX`, never shorter.
    """
    doubled = poll_seconds * 2.0 ** min(failures, 16)
    return max(poll_seconds, min(BACKOFF_SECONDS_MAX, doubled))


class Poller:
    """One poll after another; a failed one is repeated with a growing pause."""

    def __init__(
        self,
        gateway: GatewayClient,
        chart: Callable[[str, str], Awaitable[Attachment | None]],
        sender: Sender,
        store: StateStore,
        settings: Settings,
        local_time: Callable[[int], LocalTime],
    ) -> None:
        """`chart` draws the curves of a session, by its UID and name; `local_time` gives the
        present time in a chat."""
        self._gateway = gateway
        self._chart = chart
        self._sender = sender
        self._store = store
        self._settings = settings
        self._local_time = local_time

    async def run(self, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Poll until cancelled; `pause` waits that many seconds."""
        failures = 0
        while True:
            try:
                await self.poll()
                failures = 0
            except GatewayError as error:
                failures += 1
                _log.warning("the gateway cannot be polled: %s", error)
            except Exception:
                failures += 1
                _log.exception("a poll of the gateway failed")
            await pause(pause_seconds(failures, self._settings.poll_seconds))

    async def poll(self) -> None:
        """Poll once: plan (on disk before anything is sent), send, edit."""
        # What was not sent before a restart goes first, whether the gateway answers or not.
        await self._send_outbox()
        state = self._store.state
        sessions = await self._gateway.notifiable_sessions(
            lambda session: not announced_long_ago(session, state)
        )
        settings = self._settings
        thresholds = Thresholds(settings.starts_soon_seconds, settings.stalled_seconds)
        subscriptions = [
            Subscription(chat.id, chat.notify, self._local_time(chat.id)) for chat in settings.chats
        ]
        now = subscriptions[0].local_time.now

        def planned(before: State, listed: Sequence[Session]) -> State:
            return plan(before, listed, subscriptions, now, thresholds)

        sound = plannable(sessions, partial(planned, self._store.state))
        await self._store.change(lambda s: planned(s, sound))
        await self._send_outbox()
        await self._refresh_live_messages(sessions)

    async def _send_outbox(self) -> None:
        """Send the outbox in order; the messages of an unreachable chat wait for the next poll."""
        unreachable: set[int] = set()
        for outgoing in self._store.state.outbox:
            if outgoing.chat in unreachable:
                continue
            try:
                handled = await self._send(outgoing)
            except TelegramError as error:
                _log.warning("a notice to chat %d waits: %s", outgoing.chat, error)
                unreachable.add(outgoing.chat)
                continue
            if handled:
                await self._store.change(partial(without_outgoing, sent=outgoing))

    async def _send(self, outgoing: Outgoing) -> bool:
        """Whether the message can leave the outbox: it was sent, or it can never be."""
        if all(chat.id != outgoing.chat for chat in self._settings.chats):
            return True
        try:
            reply = await self._reply(outgoing)
            if reply is not None:
                await self._sender.send(reply, outgoing.chat)
        except GatewayError as error:
            return not error.passing
        except (BadRequest, ChatMigrated, Forbidden) as error:
            _log.error("chat %d refuses a notice: %s", outgoing.chat, error)
        except TelegramError:
            raise
        except Exception:
            # Kept, it would stop the outbox of every chat at the next poll, also after a restart.
            _log.exception("a notice to chat %d cannot be made and is dropped", outgoing.chat)
        return True

    async def _reply(self, outgoing: Outgoing) -> Reply | None:
        if outgoing.kind == "text":
            return Reply(outgoing.text)
        picture = await self._chart(outgoing.uid, outgoing.name)
        return Reply(f"<b>{name_of(outgoing.name)}</b>", picture=picture) if picture else None

    async def _refresh_live_messages(self, sessions: Sequence[Session]) -> None:
        by_uid = {session.uid: session for session in sessions}
        for live in self._store.state.live:
            try:
                await self._refresh(live, by_uid.get(live.uid))
            except TelegramError as error:
                _log.warning("a live message in chat %d waits: %s", live.chat, error)
            except Exception:
                _log.exception("a live message in chat %d cannot be edited", live.chat)

    async def _refresh(self, live: LiveMessage, session: Session | None) -> None:
        if session is None:
            try:
                session = await self._gateway.read(lambda api: api.status(live.uid))
            except GatewayError as error:
                if not error.passing:
                    await self._store.change(lambda state: without_live(state, live))
                return
        shown = text.session(session, self._local_time(live.chat))
        keyboard = keyboards.for_session(session)
        await self._sender.refresh(
            live, shown, keyboard, self._settings.edit_seconds, last=session.finished
        )


def plannable(
    sessions: Sequence[Session], planned: Callable[[Sequence[Session]], object]
) -> Sequence[Session]:
    """The sessions that can be planned for; one that cannot hides no notice of another."""
    try:
        planned(sessions)
    except Exception:
        _log.exception("notices cannot be planned for all sessions; those that fail are left out")
        return [one for one in sessions if _succeeds(planned, one)]
    return sessions


def _succeeds(planned: Callable[[Sequence[Session]], object], one: Session) -> bool:
    try:
        planned([one])
    except Exception:
        _log.exception("no notice can be planned for session %s", one.uid)
        return False
    return True
