"""Which buttons stand below which message. Pure.

Guarantee: Telegram carries every button. A session whose UID does not fit into one has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from trainyard.models import DatasetFile, Model, QueueEntry, Session
from trainyard_api.phase import WAITING, Phase
from trainyard_bot.text.formats import one_line
from trainyard_bot.updates.callback_data import (
    Action,
    Button,
    CallbackData,
    Keyboard,
    fits,
    short_id,
)

CHOICES: Final = 12
"""Buttons in a list of sessions, models or datasets."""

CAPTION_LENGTH: Final = 40
"""UTF-16 code units of a caption that fit on a phone."""


def for_session(session: Session) -> Keyboard:
    """What can be done with a session in its phase."""
    if not fits(session.uid):
        return ()

    def button(caption: str, action: Action) -> Button:
        return Button(caption, CallbackData(action, session.uid))

    look = (button("📈 Curve", Action.METRICS), button("📜 Logs", Action.LOGS))
    suspend = button("⏸ Suspend", Action.SUSPEND)
    cancel = button("🚫 Cancel", Action.CANCEL)
    if session.finished or session.phase in (Phase.SUSPENDING, Phase.STOPPING):
        return (look,)
    if session.phase in WAITING:
        return ((button("⏫ Raise", Action.RAISE_PRIORITY), suspend, cancel),)
    if session.phase == Phase.SUSPENDED:
        return ((button("▶️ Resume", Action.RESUME), cancel),)
    return (look, (suspend, button("⏹ Stop", Action.STOP)))


def choose_session(sessions: Sequence[Session | QueueEntry], action: Action) -> Keyboard:
    """One button for each session, which does `action`."""
    shown = [session for session in sessions if fits(session.uid)][:CHOICES]
    return tuple((_choice(one.name, CallbackData(action, one.uid)),) for one in shown)


def choose_model(models: Sequence[Model]) -> Keyboard:
    """One button for each model, which shows it."""
    return _choices([model.name for model in models], Action.SHOW_MODEL)


def choose_dataset(datasets: Sequence[DatasetFile]) -> Keyboard:
    """One button for each dataset, which shows it."""
    return _choices([dataset.name for dataset in datasets], Action.SHOW_DATASET)


def for_model(model: Model) -> Keyboard:
    """What can be done with a model."""
    key = short_id(model.name)
    send = Button("⬇️ File", CallbackData(Action.SEND_MODEL, key))
    return ((send, Button("🗑 Delete", CallbackData(Action.DELETE_MODEL, key))),)


def for_dataset(dataset: DatasetFile) -> Keyboard:
    """What can be done with a dataset."""
    data = CallbackData(Action.TRAIN, short_id(dataset.name))
    return ((Button("🚀 Train with it", data),),)


def confirm(confirmation_id: str, yes: str) -> Keyboard:
    """Yes, with its consequence as caption, and no."""
    return (
        (
            Button(yes, CallbackData(Action.CONFIRM, confirmation_id)),
            Button("No, keep it", CallbackData(Action.DISMISS, confirmation_id)),
        ),
    )


def caption(text: str) -> str:
    """`text` as a caption: one line that is not empty."""
    shown = one_line(text, CAPTION_LENGTH)
    return shown if shown.strip() else "?"


def _choices(names: Sequence[str], action: Action) -> Keyboard:
    return tuple((_choice(name, CallbackData(action, short_id(name))),) for name in names[:CHOICES])


def _choice(name: str, data: CallbackData) -> Button:
    return Button(caption(name), data)
