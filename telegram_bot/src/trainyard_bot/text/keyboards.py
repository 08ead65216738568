"""Which buttons stand below which message. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from trainyard_bot.gateway.views import WAITING, Dataset, Model, Run
from trainyard_bot.text.formats import clip
from trainyard_bot.updates.callback_data import Button, Keyboard, Tap, short_id

CHOICES: Final = 12
"""Buttons in a list of runs, models or datasets."""

_CAPTION_LENGTH: Final = 40


def for_run(view: Run) -> Keyboard:
    """What can be done with a run in its phase."""

    def button(caption: str, action: str) -> Button:
        return Button(caption, Tap(action, view.uid))

    if view.over:
        return ((button("📈 Curve", "mt"), button("📜 Logs", "lg")),)
    if view.phase in WAITING:
        return ((button("⏫ Raise", "up"), button("⏸ Pause", "su"), button("🚫 Cancel", "cn")),)
    if view.phase == "Suspended":
        return ((button("▶️ Resume", "re"), button("⏹ Stop", "sp")),)
    look = (button("📈 Curve", "mt"), button("📜 Logs", "lg"))
    if view.phase in ("Suspending", "Stopping"):
        return (look,)
    return (look, (button("⏸ Pause", "su"), button("⏹ Stop", "sp")))


def choose_run(views: Sequence[Run], action: str) -> Keyboard:
    """One button per run."""
    return tuple((_choice(view.name, Tap(action, view.uid)),) for view in views[:CHOICES])


def choose_model(views: Sequence[Model]) -> Keyboard:
    """One button per model."""
    return tuple((_choice(v.name, Tap("md", short_id(v.name))),) for v in views[:CHOICES])


def choose_dataset(views: Sequence[Dataset]) -> Keyboard:
    """One button per dataset."""
    return tuple((_choice(v.name, Tap("ds", short_id(v.name))),) for v in views[:CHOICES])


def for_model(view: Model) -> Keyboard:
    """What can be done with a model."""
    key = short_id(view.name)
    return ((Button("⬇️ File", Tap("mf", key)), Button("🗑 Delete", Tap("dm", key))),)


def for_dataset(view: Dataset) -> Keyboard:
    """What can be done with a dataset."""
    return ((Button("🚀 Train with it", Tap("tr", short_id(view.name))),),)


def confirm(question_id: str, yes: str) -> Keyboard:
    """Yes with its consequence as caption, and no."""
    return ((Button(yes, Tap("ok", question_id)), Button("No, keep it", Tap("no", question_id))),)


def _choice(name: str, tap: Tap) -> Button:
    return Button(clip(name, _CAPTION_LENGTH), tap)
