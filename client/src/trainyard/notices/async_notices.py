"""The asynchronous client's part for notices: `AsyncClient.notices`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trainyard.async_connection import AsyncConnection
from trainyard.notices import calls
from trainyard.notices.answers import CreatedNoticeReceiver, Notice, NoticeReceiver, SentNotices


class AsyncNotices:
    """Receivers of notices of the key's user and of teams, and what was sent to them.

    `team` is the one that a receiver belongs to; without it, it is yours. Maintainers of a team
    change its receivers. Methods raise the errors of `trainyard.errors`.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def receivers(self, *, team: str | None = None) -> list[NoticeReceiver]:
        """Your receivers and those of your teams, by name; with `team` those of one team."""
        return (await self._connection.send(calls.receivers(team))).receivers

    async def create(
        self,
        name: str,
        url: str,
        rules: Sequence[Mapping[str, Any]],
        *,
        sessions: str = "own",
        times: Mapping[str, Any] | None = None,
        team: str | None = None,
    ) -> CreatedNoticeReceiver:
        """Make a receiver; only this response holds its secret.

        A rule looks like `{"on": "phase", "phases": ["Failed"]}`. `sessions` is `own`, or `all`
        that you, or the team, may see. `times` are quiet hours and a digest, such as
        `{"timeZone": "Europe/Berlin", "quietHours": {"start": "22:00", "end": "07:00"}}`. Raises
        Invalid for a URL to which nothing is sent.
        """
        body = calls.receiver(name, url, rules, sessions, times)
        return await self._connection.send(calls.create(body, team))

    async def change(
        self, name: str, changes: Mapping[str, Any], *, team: str | None = None
    ) -> NoticeReceiver:
        """Change `url`, `rules`, `sessions` or `times` of a receiver; `times` may be None.

        What waits for it waits by the new times. Raises NotFound and Invalid.
        """
        return await self._connection.send(calls.change(name, changes, team))

    async def remove(self, name: str, *, team: str | None = None) -> None:
        """Delete a receiver with its notices. Raises NotFound."""
        await self._connection.deliver(calls.remove(name, team))

    async def test(self, name: str, *, team: str | None = None) -> Notice:
        """Send a receiver a notice that only shows that it arrives. Raises NotFound."""
        return await self._connection.send(calls.test(name, team))

    async def sent(
        self, state: str | None = None, *, team: str | None = None, cursor: str | None = None
    ) -> SentNotices:
        """Notices of receivers that you may change, newest first.

        `state`: Waiting, Held, Digested, Delivered, Dead or Dropped; default: all.
        """
        return await self._connection.send_pages(calls.sent(state, team), "notices", cursor)

    async def retry(self, notice: str, *, team: str | None = None) -> Notice:
        """Try a dead notice again. Raises NotFound, and Conflict for one that is not dead."""
        return await self._connection.send(calls.retry(notice, team))
