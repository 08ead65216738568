"""Failures that repeat: at the start of a program, and in the same way as the attempt before."""

from __future__ import annotations

import re
from typing import Final

from trainyard_operator.core.attempts.diagnosis import Cause
from trainyard_operator.core.attempts.position import Position
from trainyard_scheduler.objects.model import Pod, SessionStatus

START_SECONDS: Final = 300.0
"""A program that ran so long has done more than to start, also where it reports no step."""
_NUMBERS: Final = re.compile(r"0x[0-9a-fA-F]+|[0-9]+")


def failed_at_its_start(status: SessionStatus, pods: list[Pod]) -> bool:
    """Whether its program failed soon, and before a sign of progress of this session.

    False where its pods are gone, which would say so.
    """
    stated = Position.stated(pods)
    if status.steps_done or status.epochs_done or status.checkpoint is not None:
        return False
    if stated is not None and (stated.step or stated.epoch):
        return False
    began = [p.started for p in pods if p.started is not None]
    ended = [p.ended for p in pods if p.ended is not None]
    return bool(began and ended) and max(ended) - min(began) < START_SECONDS


def times_missing(status: SessionStatus, attempt: int) -> int:
    """Attempts in a row, up to `attempt`, that found their packages removed."""
    before = status.missing_attempt
    if before == attempt:
        return max(1, status.missing_times)
    return status.missing_times + 1 if before == attempt - 1 else 1


def times_alike(status: SessionStatus, attempt: int, cause: Cause) -> int:
    """How many attempts in a row ended like `attempt`, by `cause`, before any sign of progress."""
    if status.failed_attempt == attempt:
        return max(1, status.failure_alike)
    progressed = status.progress_attempt >= status.failed_attempt and (
        status.steps_done > 0 or status.epochs_done > 0 or status.checkpoint is not None
    )
    if status.failed_attempt == 0 or progressed:
        return 1
    before = (status.failure_class, status.failure_exit_code)
    texts = (status.failure_message, status.failure_line)
    now = (cause.message, cause.lines[-1] if cause.lines else "")
    same = before == (cause.kind, cause.exit_code) and [*map(_shape, texts)] == [*map(_shape, now)]
    return max(1, status.failure_alike) + 1 if same else 1


def _shape(text: str) -> str:
    """A message without its numbers, which are other addresses, times and process ids each time."""
    return _NUMBERS.sub("0", text)
