"""The asynchronous client's part for notices: `AsyncClient.notices`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trainyard.async_connection import AsyncConnection
from trainyard.notices import calls
from trainyard.notices.answers import CreatedNoticeReceiver, Notice, NoticeReceiver, SentNotices


class AsyncNotices:
    """Webhooks of the key's user. Methods raise the errors of `trainyard.errors`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def receivers(self) -> list[NoticeReceiver]:
        """Your receivers, by name."""
        return (await self._connection.send(calls.receivers())).receivers

    async def create(
        self, name: str, url: str, rules: Sequence[Mapping[str, Any]], *, sessions: str = "own"
    ) -> CreatedNoticeReceiver:
        """Make a receiver; only this response holds its secret.

        A rule looks like `{"on": "phase", "phases": ["Failed"]}`. `sessions` is `own`, or `all`
        that you may see. Raises Invalid for a URL to which nothing is sent.
        """
        return await self._connection.send(calls.create(name, url, rules, sessions))

    async def remove(self, name: str) -> None:
        """Delete a receiver with its notices. Raises NotFound."""
        await self._connection.deliver(calls.remove(name))

    async def test(self, name: str) -> Notice:
        """Send a receiver a notice that only shows that it arrives. Raises NotFound."""
        return await self._connection.send(calls.test(name))

    async def sent(self, state: str | None = None, *, cursor: str | None = None) -> SentNotices:
        """Your notices, newest first. `state`: Waiting, Delivered or Dead; default: all."""
        return await self._connection.send_pages(calls.sent(state), "notices", cursor)

    async def retry(self, notice: str) -> Notice:
        """Try a dead notice again. Raises NotFound, and Conflict for one that is not dead."""
        return await self._connection.send(calls.retry(notice))
