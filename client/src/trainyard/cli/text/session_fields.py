"""Fields of a session as text, and the figures behind them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from trainyard.cli.text import formats
from trainyard_api import timestamps
from trainyard_api.phase import WAITING, Phase

if TYPE_CHECKING:
    from trainyard.models import QueueEntry, Session

_COLOURS = {
    Phase.RUNNING: "green",
    Phase.SUCCEEDED: "bold green",
    Phase.FAILED: "bold red",
    Phase.QUEUED: "yellow",
    Phase.PENDING: "yellow",
    Phase.STARTING: "cyan",
    Phase.SUSPENDING: "magenta",
    Phase.SUSPENDED: "magenta",
    Phase.STOPPING: "dim",
    Phase.STOPPED: "dim",
    Phase.CANCELLED: "dim",
}


def colour(phase: str) -> str:
    """The style of a phase in rich's notation; empty for an unknown one."""
    return {str(p): c for p, c in _COLOURS.items()}.get(phase, "")


def gpus(session: Session) -> int:
    """GPUs over all workers."""
    return session.spec.resources.gpus * session.spec.workers


def loss(session: Session) -> str | None:
    """Value of the metric that `loss_name` chooses; None without one."""
    named = {m.name: m.value for m in session.status.metrics or []}
    name = loss_name(list(named))
    return named[name] if name else None


def loss_name(names: list[str]) -> str | None:
    """Which of these metrics is the loss to show: a training loss first, then any other loss."""
    losses = sorted(n for n in names if "loss" in n.lower())
    preferred = [n for n in ("train/loss", "loss", "training_loss") if n in losses]
    return (preferred or losses or [None])[0]


def epochs(session: Session) -> int | None:
    """Epochs in all: as reported, otherwise as configured; None for a program without epochs."""
    found, training = session.status.progress, session.spec.training
    if found and found.epochs:
        return found.epochs
    return training.epochs if training else None


def packages(session: Session) -> str:
    """`12 of requirements.txt, in 9f86d081884c`; what is asked for until they are installed."""
    asked, found = session.spec.packages, session.status.environment
    if asked is None:
        return formats.UNKNOWN
    source = asked.file or ", ".join(asked.requirements or ())
    source = source if len(source) <= 60 else f"{source[:59]}…"
    if found is None:
        return f"{source}, not installed yet"
    return f"{found.packages or 'those'} of {source}, in {found.lock[:12]}"


def outputs(session: Session) -> list[str]:
    """`digits.best version 3, 12 files, 3.1 MiB, pickle` of each folder that is registered."""
    return [
        ", ".join(
            (
                f"{found.name} version {found.version}",
                formats.count(found.files or 0, "file"),
                formats.size(found.size_bytes or 0),
                *(found.flags or ()),
            )
        )
        for found in session.status.outputs or ()
    ]


def progress(session: Session) -> str:
    """`62%`; `-` while unknown."""
    found = session.status.progress
    return formats.percent(found.percent if found else None)


def epoch(session: Session) -> str:
    """`31/50`: completed epochs and epochs in all; `-` while unknown."""
    found = session.status.progress
    if found is None or found.epoch is None:
        return formats.UNKNOWN
    return f"{found.epoch}/{epochs(session) or '?'}"


def seconds_left(session: Session) -> float | None:
    """Estimated seconds to the end of a running session; None while unknown."""
    found = session.status.progress
    return found.eta_seconds if found and session.phase == Phase.RUNNING else None


def position(session: Session) -> str:
    """Position in its queue, from 1; `-` unless it waits."""
    place = session.status.queue
    waits = session.phase in WAITING
    return str(place.position) if waits and place and place.position else formats.UNKNOWN


def starts_in(entry: QueueEntry, now: datetime) -> str:
    """`2m10s`, `2m10s to 1h05m`, `2m10s or later`; `-` while unknown."""
    return between(entry.estimated_start, now)


def between(window: Mapping[str, Any] | None, now: datetime) -> str:
    """An interval of estimated starts as time from `now`; the window has RFC 3339 times."""
    earliest, latest = (_away((window or {}).get(k), now) for k in ("earliest", "latest"))
    if earliest is None:
        return formats.UNKNOWN
    if latest is None:
        return f"{formats.duration(earliest)} or later"
    low, high = formats.duration(earliest), formats.duration(latest)
    return low if low == high else f"{low} to {high}"


def _away(time: str | None, now: datetime) -> float | None:
    moment = timestamps.parse(time)
    return None if moment is None else (moment - now).total_seconds()
