"""What is to be sent, as values: handlers make them, the sender delivers them."""

from __future__ import annotations

from dataclasses import dataclass

from trainyard_bot.updates.callback_data import Keyboard


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a reply."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """One message.

    With a `picture` or `file`, `text` is its caption. `live` is the UID of the session that the
    message shows: it is edited until the session ends. `edit` replaces the message whose button was
    tapped, if there is one. `toast` is shown over the chat for a moment instead of as a message.
    """

    text: str
    keyboard: Keyboard = ()
    picture: Attachment | None = None
    file: Attachment | None = None
    live: str | None = None
    edit: bool = False
    toast: bool = False
