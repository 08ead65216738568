"""What `watch` shows of a session, as text. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

from trainyard.cli.text import formats
from trainyard.cli.text.session_fields import epochs, loss_name, outputs, starts_in
from trainyard_api.interruptions import interruptions
from trainyard_api.phase import WAITING, Phase

if TYPE_CHECKING:
    from trainyard.models import QueueEntry, Session

BAR_WIDTH: Final = 24
_MEMORY: Final = 8
_FLAT: Final = 0.005
"""Changes below this share of the value are no trend."""


@dataclass(frozen=True, slots=True)
class Trend:
    """The last different values of a metric, oldest first."""

    name: str | None = None
    values: tuple[float, ...] = ()

    def seen(self, metrics: Mapping[str, float]) -> Trend:
        """The trend with the newest values added; an unchanged value is not added."""
        name = loss_name(list(metrics))
        if name is None:
            return self
        kept = self.values if name == self.name else ()
        value = metrics[name]
        if kept and (kept[-1] == value or (math.isnan(kept[-1]) and math.isnan(value))):
            return self
        return Trend(name, (*kept, value)[-_MEMORY:])

    @property
    def arrow(self) -> str:
        """↓, ↑ or →: the newest value against the mean of the earlier ones; empty without them."""
        *before, last = self.values or (math.nan,)
        finite = [v for v in before if math.isfinite(v)]
        if not finite or not math.isfinite(last):
            return ""
        mean = sum(finite) / len(finite)
        if abs(last - mean) <= _FLAT * max(abs(mean), abs(last)):
            return "→"
        return "↓" if last < mean else "↑"

    def __str__(self) -> str:
        """`loss 0.234 ↓`."""
        if not self.values:
            return ""
        return f"{self.name} {formats.number(self.values[-1])} {self.arrow}".rstrip()


def bar(percent: float, width: int = BAR_WIDTH) -> str:
    """`██████░░` for 75 with width 8; full only at 100."""
    share = min(100.0, max(0.0, percent)) / 100
    filled = width if share == 1 else min(width - 1, round(share * width))
    return "█" * filled + "░" * (width - filled)


def progress_line(session: Session, trend: Trend) -> str:
    """`██████░░ 62 % · epoch 31/50 · loss 0.234 ↓ · 4m10s left`, as far as known."""
    progress = session.status.progress
    if progress is None or progress.percent is None:
        return session.status.message or session.phase
    parts = [f"{bar(progress.percent)} {progress.percent:3.0f} %"]
    if progress.epoch is not None and (total := epochs(session)):
        # Completed epochs are reported; the current one is the next.
        parts.append(f"epoch {min(progress.epoch + 1, total)}/{total}")
    elif progress.step is not None:
        parts.append(f"step {progress.step}/{progress.total_steps or '?'}")
    if str(trend):
        parts.append(str(trend))
    if progress.eta_seconds is not None and session.phase == Phase.RUNNING:
        parts.append(f"{formats.duration(progress.eta_seconds)} left")
    return " · ".join(parts)


def waiting_line(session: Session, entry: QueueEntry | None, now: datetime) -> str:
    """`waits in default, place 2 · starts in 2m10s · two GPUs are needed`."""
    place = session.status.queue
    position = f", place {place.position}" if place and place.position else ""
    parts = [f"waits in {session.spec.queue}{position}"]
    if entry is not None and (when := starts_in(entry, now)) != formats.UNKNOWN:
        parts.append(f"starts in {when}")
    why = (place.message if place else None) or session.status.message
    if why:
        parts.append(why)
    return " · ".join(parts)


def current_line(session: Session, trend: Trend, entry: QueueEntry | None, now: datetime) -> str:
    """The one line that `watch` keeps up to date."""
    if session.phase in WAITING:
        return formats.clean(waiting_line(session, entry, now))
    return formats.clean(progress_line(session, trend))


def fitted(line: str, room: int) -> str:
    """The line, without its bar where that does not fit: the numbers say the same."""
    return line if cell_len(line) <= room else line.lstrip("█░ ")


def ending(session: Session) -> list[str]:
    """The result: metrics and model, or the diagnosis with what to do and the last lines."""
    return [formats.clean(line) for line in _ending(session)]


def _ending(session: Session) -> list[str]:
    state = session.status
    lines = [f"{session.name} {session.phase}{_took(session)}"]
    if interrupted := interruptions(state):
        lines.append(f"interrupted {interrupted}")
    failure = state.failure
    if session.phase == Phase.FAILED and failure:
        cause = failure.message or failure.reason or ""
        lines.append(f"{failure.failure_class}: {cause}".rstrip(": "))
        lines += [f"  | {line}" for line in failure.last_log_lines or []]
        if failure.hint:
            lines.append(f"what to do: {failure.hint}")
        return lines
    lines += [f"  {m.name} {formats.number(m.value)}" for m in state.metrics or []]
    if state.model:
        model = state.model
        what = f"model {model.name} version {model.version}"
        lines.append(f"{what}: trainyard models get {model.name}")
    for found, said in zip(state.outputs or (), outputs(session), strict=True):
        lines.append(f"output {said}: trainyard models get {found.name}")
    if state.model or state.outputs:
        return lines
    if session.phase != Phase.SUCCEEDED and state.message:
        lines.append(state.message)
    return lines


def _took(session: Session) -> str:
    start, end = session.status.start_time, session.status.completion_time
    if start is None or end is None:
        return ""
    return f" after {formats.duration((end - start).total_seconds())}"
