"""How far a training came and how far it has to go, as its program reported it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Self

import orjson

from trainyard_api import contract
from trainyard_scheduler.objects.fields import count
from trainyard_scheduler.objects.model import Pod, SessionStatus

REPORT_SECONDS: Final = 3.0
"""Programs report at most this often: the last report may be so much behind the end."""
_ENDED: Final = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class Position:
    """Steps and epochs done, with the goal; 0 where unknown."""

    step: int = 0
    total_steps: int = 0
    epoch: int = 0
    epochs: int = 0
    stride: int = 1
    """Steps between two reports of the program. It may have done so many more."""

    @property
    def has_goal(self) -> bool:
        """Whether the program said how far it has to go, in a unit that it counts in."""
        return self.total_steps > 0 or (self.epochs > 0 and self.epoch > 0)

    def reached(self, tolerance: int = 0) -> bool:
        """Whether the goal is known and reached; `tolerance` is in steps, or in epochs."""
        if self.total_steps:
            return self.step + tolerance >= self.total_steps
        return self.has_goal and self.epoch + min(1, tolerance) >= self.epochs

    def __str__(self) -> str:
        if self.total_steps:
            return f"step {self.step} of {self.total_steps}"
        return f"epoch {self.epoch} of {self.epochs}"

    @classmethod
    def reported(cls, status: SessionStatus, attempt: int) -> Self | None:
        """What the status says, of `attempt` or one before; None if it says nothing."""
        if not 0 < status.progress_attempt <= attempt:
            return None
        return cls(
            status.steps_done,
            status.steps_total,
            status.epochs_done,
            status.epochs_total,
            max(1, math.ceil(status.steps_per_second * REPORT_SECONDS)),
        )

    @classmethod
    def stated(cls, pods: Iterable[Pod]) -> Self | None:
        """What the first worker's program left as its last word; None if it left none."""
        for pod in pods:
            if pod.worker == 0 and pod.outcome in _ENDED and (end := _end(pod.termination_message)):
                return cls(
                    count(end.get("step")),
                    count(end.get("totalSteps")),
                    count(end.get("epoch")),
                    count(end.get("epochs")),
                    max(1, count(end.get("stride"))),
                )
        return None


def _end(message: str) -> dict[str, Any]:
    try:
        found = orjson.loads(message)
    except orjson.JSONDecodeError:
        return {}
    end = found.get(contract.END_KEY) if isinstance(found, dict) else None
    return end if isinstance(end, dict) else {}
