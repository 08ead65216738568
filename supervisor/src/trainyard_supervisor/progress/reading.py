"""What one line says about the progress of a training."""

from __future__ import annotations

from typing import NamedTuple


class Reading(NamedTuple):
    """Numbers of one line; None for what it does not say."""

    source: str
    """Kind of line, with the label of a bar: readings of one source count the same thing."""
    done: int | None = None
    """Steps done, of the training or of an epoch."""
    total: int | None = None
    within_epoch: bool = False
    """Whether `done` begins again in every epoch."""
    epoch: int | None = None
    epochs: int | None = None
    summary: bool = False
    """Whether the epoch has ended: the line states what it measured."""
    trusted: bool = True
    """Whether the line surely means the training; otherwise it has to recur or last."""
    seconds: int | None = None
    """For how long a bar has been drawn."""
