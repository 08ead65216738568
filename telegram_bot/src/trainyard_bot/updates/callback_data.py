"""The callback data of buttons: an action and a short argument in at most 64 bytes. Pure.

Guarantees:

- `decode(encode(data)) == data` for all callback data that `encode` accepts.
- `decode` of anything else, forged or of a newer version, is None.
- The codes of `Action` never change: chats keep the buttons of earlier versions.
- A session's UID (36 bytes) fits. Names of models and datasets do not: they travel as `short_id`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

DATA_LIMIT: Final = 64
"""Largest callback_data, in bytes (Bot API, InlineKeyboardButton)."""


class Action(StrEnum):
    """What a button does. The first five have the names of the commands that do the same."""

    STATUS = "st"
    """Show a session; the argument is its UID, as for all actions up to RAISE_PRIORITY."""
    LOGS = "lg"
    """Send the last log lines of a session."""
    METRICS = "mt"
    """Send the metrics of a session with their curves."""
    STOP = "sp"
    """Ask whether to stop a session."""
    CANCEL = "cn"
    """Ask whether to cancel a session that does not run."""
    SUSPEND = "su"
    """Suspend a session."""
    RESUME = "re"
    """Resume a session."""
    RAISE_PRIORITY = "up"
    """Raise the priority of a session."""
    SHOW_MODEL = "md"
    """Show a model; the argument is the short id of its name, as for all actions up to TRAIN."""
    SEND_MODEL = "mf"
    """Send a model's file."""
    DELETE_MODEL = "dm"
    """Ask whether to delete a model."""
    SHOW_DATASET = "ds"
    """Show a dataset."""
    TRAIN = "tr"
    """Open the form with a dataset."""
    CONFIRM = "ok"
    """Yes to the confirmation whose one-time id is the argument."""
    DISMISS = "no"
    """No to it."""
    FORM = "fm"
    """An answer in the form: `<form id>.<field>.<option number>`."""


_ACTIONS: Final = frozenset(Action)
_ARGUMENT = re.compile(r"[A-Za-z0-9._-]{1,61}")


@dataclass(frozen=True, slots=True)
class CallbackData:
    """What a button does, and to what."""

    action: Action
    argument: str


@dataclass(frozen=True, slots=True)
class Button:
    """A button with its caption."""

    caption: str
    data: CallbackData


Keyboard = tuple[tuple[Button, ...], ...]
"""Rows of buttons."""


def fits(argument: str) -> bool:
    """Whether a button can carry the argument."""
    return _ARGUMENT.fullmatch(argument) is not None


def encode(data: CallbackData) -> str:
    """`sp:3f1c…`. Raises ValueError for an argument that does not fit."""
    if not fits(data.argument):
        raise ValueError(f"no button can carry {data}")
    return f"{data.action}:{data.argument}"


def decode(text: str) -> CallbackData | None:
    """The callback data in `text`; None if `encode` did not make it."""
    code, colon, argument = text.partition(":")
    if colon and code in _ACTIONS and fits(argument):
        return CallbackData(Action(code), argument)
    return None


def short_id(name: str) -> str:
    """12 hex digits for a name of any length: the start of its SHA-256."""
    return hashlib.sha256(name.encode()).hexdigest()[:12]
