"""The blocking client's part for notices: `AsyncClient.notices`.

Generated from notices/async_notices.py by `make manifests`; do not edit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trainyard.notices import calls
from trainyard.notices.answers import CreatedNoticeReceiver, Notice, NoticeReceiver, SentNotices
from trainyard.sync_connection import Connection


class Notices:
    """Webhooks of the key's user. Methods raise the errors of `trainyard.errors`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def receivers(self) -> list[NoticeReceiver]:
        """Your receivers, by name."""
        return (self._connection.send(calls.receivers())).receivers

    def create(
        self, name: str, url: str, rules: Sequence[Mapping[str, Any]], *, sessions: str = "own"
    ) -> CreatedNoticeReceiver:
        """Make a receiver; only this response holds its secret.

        A rule looks like `{"on": "phase", "phases": ["Failed"]}`. `sessions` is `own`, or `all`
        that you may see. Raises Invalid for a URL to which nothing is sent.
        """
        return self._connection.send(calls.create(name, url, rules, sessions))

    def remove(self, name: str) -> None:
        """Delete a receiver with its notices. Raises NotFound."""
        self._connection.deliver(calls.remove(name))

    def test(self, name: str) -> Notice:
        """Send a receiver a notice that only shows that it arrives. Raises NotFound."""
        return self._connection.send(calls.test(name))

    def sent(self, state: str | None = None, *, cursor: str | None = None) -> SentNotices:
        """Your notices, newest first. `state`: Waiting, Delivered or Dead; default: all."""
        return self._connection.send_pages(calls.sent(state), "notices", cursor)

    def retry(self, notice: str) -> Notice:
        """Try a dead notice again. Raises NotFound, and Conflict for one that is not dead."""
        return self._connection.send(calls.retry(notice))
