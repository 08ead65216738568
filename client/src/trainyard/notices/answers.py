"""What the gateway says of notices."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from trainyard.models.page import Page
from trainyard_api.model import OpenModel


class NoticeReceiver(OpenModel):
    """A webhook that gets notices about sessions."""

    name: str
    url: str
    rules: list[dict[str, Any]]
    """What it gets notices about."""
    sessions: str = "own"
    """own or all."""
    created: str = ""


class CreatedNoticeReceiver(NoticeReceiver):
    """A new receiver; the secret comes this once."""

    secret: str = Field(repr=False)
    """By which messages are signed."""


class NoticeReceivers(OpenModel):
    """The receivers of a user."""

    receivers: list[NoticeReceiver]


class Notice(OpenModel):
    """A notice, and what became of it."""

    id: str
    """What receivers get as `webhook-id`."""
    receiver: str
    state: str
    """Waiting, Delivered or Dead."""
    created: str
    tries: int = 0
    next_try: str | None = None
    words: str | None = None
    """Why the last try failed."""
    message: dict[str, Any] = {}
    """What is sent: type, timestamp and data."""


class SentNotices(Page):
    """Notices, newest first."""

    notices: list[Notice]
