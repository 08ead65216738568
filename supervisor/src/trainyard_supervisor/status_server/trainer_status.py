"""What a report of a program's status says. Pure.

The format is that of Kubeflow's trainer: `{"trainerStatus": {"progressPercentage": 12,
"estimatedRemainingSeconds": 40, "metrics": [{"name": "loss", "value": "0.5"}]}}`. Step, total and
epoch come as metrics named `current_step`, `total_steps` and `current_epoch`, as the Trainer of
transformers 5 sends them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from trainyard_api.contract import MAX_METRIC_NAME
from trainyard_api.visible_text import is_visible
from trainyard_supervisor.progress.tracker import Progress

MAX_METRICS = 256
"""Values of one report that are taken."""
MAX_STEP = 2**53
PERCENT = 100
PLACES = ("current_step", "total_steps", "current_epoch", "epoch")
"""Metrics that say where the training is."""


class TrainerStatus(NamedTuple):
    """One report; what it does not say is None or empty."""

    percent: int | None
    step: int | None
    total_steps: int | None
    epoch: int | None
    """Whole epochs that are done."""
    metrics: Mapping[str, float]


def status_of(body: bytes) -> TrainerStatus:
    """The report in `body`. Raises ValueError with a sentence."""
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the body is no JSON ({error})") from error
    status = found.get("trainerStatus") if isinstance(found, dict) else None
    if not isinstance(status, dict):
        raise ValueError("the body is no JSON object with an object trainerStatus")
    values = _values(status.get("metrics"))
    percent = _count(status.get("progressPercentage"))
    return TrainerStatus(
        percent=percent if percent is None or percent <= PERCENT else PERCENT,
        step=_count(values.get("current_step")),
        total_steps=_count(values.get("total_steps")) or None,
        epoch=_count(values.get("current_epoch")),
        metrics={name: value for name, value in values.items() if name not in PLACES},
    )


def progress_of(status: TrainerStatus, before: Progress | None) -> Progress | None:
    """Where the training is after `status`; None if it does not say so. Pure.

    A report without a step counts percent, unless steps were reported before (`before`): then 100 %
    is the last step, and less says nothing.
    """
    if status.step is not None:
        total = status.total_steps or (before.total_steps if before else None)
        return Progress(status.step, total, status.epoch)
    if before is not None and before.total_steps not in (None, PERCENT):
        done = status.percent == PERCENT
        return before._replace(step=before.total_steps or before.step) if done else None
    if status.total_steps is not None:
        return Progress(0, status.total_steps)
    return None if status.percent is None else Progress(status.percent, PERCENT)


def _values(metrics: Any) -> dict[str, float]:
    found: dict[str, float] = {}
    for entry in metrics[:MAX_METRICS] if isinstance(metrics, list) else ():
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str) or len(name) > MAX_METRIC_NAME or not is_visible(name):
            continue
        value = _number(entry.get("value"))
        if value is not None:
            found[name] = value
    return found


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _count(value: Any) -> int | None:
    """A whole number from 0 on; a part of one is left out."""
    found = _number(value)
    if found is None or not math.isfinite(found) or not 0 <= found <= MAX_STEP:
        return None
    return int(found)
