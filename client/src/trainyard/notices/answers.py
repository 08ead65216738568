"""What the gateway says of notices."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from trainyard.models.page import Page
from trainyard_api.model import OpenModel


class NoticeReceiver(OpenModel):
    """A webhook or a service that gets notices about sessions."""

    name: str
    team: str | None = None
    """The team that it belongs to; None: to you."""
    changeable: bool = True
    """Whether you may change and delete it."""
    kind: str = "webhook"
    """webhook or service."""
    url: str
    """Of a service without its secrets; if you may not change it, only its beginning."""
    rules: list[dict[str, Any]]
    """What it gets notices about."""
    sessions: str = "own"
    """own or all."""
    times: dict[str, Any] | None = None
    """Its quiet hours and digest; None: it gets notices at once."""
    created: str = ""


class CreatedNoticeReceiver(NoticeReceiver):
    """A new receiver; the secret comes this once."""

    secret: str = Field(repr=False)
    """By which messages to webhooks are signed."""


class NoticeReceivers(OpenModel):
    """Receivers of a user and of teams."""

    receivers: list[NoticeReceiver]


class Notice(OpenModel):
    """A notice, and what became of it."""

    id: str
    """What receivers get as `webhook-id`."""
    receiver: str
    team: str | None = None
    """The team whose receiver it is; None: yours."""
    state: str
    """Waiting, Held for a digest, Digested, Delivered, Dead or Dropped."""
    created: str
    tries: int = 0
    next_try: str | None = None
    words: str | None = None
    """Why the last try failed."""
    digest: str | None = None
    """The notice that it is a part of, or by which it was said that it was dropped."""
    message: dict[str, Any] = {}
    """What is sent: type, timestamp and data."""


class SentNotices(Page):
    """Notices, newest first."""

    notices: list[Notice]
