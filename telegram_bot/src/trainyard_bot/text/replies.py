"""What the bot wants to be sent, as values: the desks make them, the sender delivers them."""

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
    """One message. With a `picture` or `file`, `text` is its caption.

    `live` names the run (UID) that the message shows: it is edited as the run goes on. `edit` puts it in the place of
    the message whose button was tapped, where there is one. `toast` is shown over the chat instead of a message.
    """

    text: str
    keyboard: Keyboard = ()
    picture: Attachment | None = None
    file: Attachment | None = None
    live: str | None = None
    edit: bool = False
    toast: bool = False


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: a person (None for channels) in a chat."""

    chat: int
    user: int | None

    @property
    def private(self) -> bool:
        """Whether nobody else reads along."""
        return self.chat > 0
