"""Which notices are due for a run. Pure: a run, what was already said, and the time in; notices out.

Guarantees:

- A notice has a key; a key that was said is never due again. Keys carry the attempt where a thing can happen in each.
- The notice about the end is due in every later look until it was said: none is lost.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from trainyard_bot.gateway.views import Run

ENDS: Final = {
    "Succeeded": "finished",
    "Failed": "failed",
    "Stopped": "ended",
    "Cancelled": "ended",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell: `kind` as `run_messages.notice` takes it, `key` unique within the run."""

    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a run counts as starting soon (seconds before its latest known start) and as stalled (seconds without a step)."""

    soon_seconds: float = 600
    stalled_seconds: float = 600


def due(run: Run, said: Collection[str], now: datetime, thresholds: Thresholds) -> list[Notice]:
    """The notices about `run` that were not said yet, most important first."""
    if run.phase in ENDS:
        found = [Notice(ENDS[run.phase], "end")]
    elif run.phase == "Queued":
        found = _soon(run, now, thresholds)
    elif run.phase == "Running":
        found = _stalled(run, now, thresholds)
    else:
        found = []
    if run.phase not in ENDS and run.failure and run.failure.kind == "Stalled":
        found.append(Notice("restarted", f"restarted:{run.failure.attempt or 0}"))
    return [notice for notice in found if notice.key not in said]


def _soon(run: Run, now: datetime, thresholds: Thresholds) -> list[Notice]:
    earliest = run.wait.earliest if run.wait else None
    if earliest is None or (earliest - now).total_seconds() > thresholds.soon_seconds:
        return []
    return [Notice("soon", f"soon:{run.attempt or 0}")]


def _stalled(run: Run, now: datetime, thresholds: Thresholds) -> list[Notice]:
    """Stalled runs: no step for too long. Before the first step, the attempt's start counts."""
    progress = run.progress
    last = (progress.last_step if progress else None) or run.attempt_started or run.started
    if last is None or (now - last).total_seconds() < thresholds.stalled_seconds:
        return []
    step = progress.step if progress and progress.step is not None else 0
    return [Notice("stalled", f"stalled:{run.attempt or 0}:{step}")]
