"""What buttons carry: an action and a short argument in at most 64 bytes. Pure.

Guarantees:

- `decode(encode(tap)) == tap` for every tap that `encode` accepts.
- `decode` of anything else, forged or from an older version, is None.
- A session's UID (36 bytes) fits. Names of models and datasets do not: they travel as `short_id`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

DATA_LIMIT: Final = 64
"""Largest callback_data, in bytes (Bot API, InlineKeyboardButton)."""

ACTIONS: Final = frozenset(
    {
        "st",  # show the status of a run
        "lg",  # its last log lines
        "mt",  # its metrics and curve
        "sp",  # ask whether to stop it
        "su",  # suspend it
        "re",  # resume it
        "up",  # raise its priority
        "cn",  # ask whether to take it out of the queue
        "md",  # show a model
        "mf",  # send a model's file
        "dm",  # ask whether to delete a model
        "ds",  # show a dataset
        "tr",  # open the form with a dataset
        "ok",  # yes to the question with this one-time id
        "no",  # no to it
        "fm",  # an answer in the form: <form id>.<option number>
    }
)
_ARGUMENT = re.compile(r"[A-Za-z0-9._-]{1,61}")


@dataclass(frozen=True, slots=True)
class Tap:
    """A button: what it does, and to what."""

    action: str
    argument: str


@dataclass(frozen=True, slots=True)
class Button:
    """A button with its caption."""

    caption: str
    tap: Tap


Keyboard = tuple[tuple[Button, ...], ...]
"""Rows of buttons."""


def encode(tap: Tap) -> str:
    """`sp:3f1c…`. ValueError for an unknown action or an argument that does not fit."""
    if tap.action not in ACTIONS or not _ARGUMENT.fullmatch(tap.argument):
        raise ValueError(f"no button can carry {tap}")
    return f"{tap.action}:{tap.argument}"


def decode(data: str) -> Tap | None:
    """The tap in `data`, None where it is none of ours."""
    action, colon, argument = data.partition(":")
    if colon and action in ACTIONS and _ARGUMENT.fullmatch(argument):
        return Tap(action, argument)
    return None


def short_id(name: str) -> str:
    """12 hex digits that stand for a name of any length; the same in every life of the bot."""
    return hashlib.sha256(name.encode()).hexdigest()[:12]
