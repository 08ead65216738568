"""Rows of the ledger → sums by group. Pure.

What is lost: of attempts that failed, that another session preempted or that the cluster disrupted,
the time after their last durable checkpoint, which the next attempt repeats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from trainyard_api.session.allocation import AllocationKind, AllocationOutcome
from trainyard_gateway.store.ledger.intervals import Interval, by_month, month_of
from trainyard_gateway.store.ledger.record import UNKNOWN

_LOSSES: Final = {
    AllocationOutcome.FAILED.value: "failed",
    AllocationOutcome.PREEMPTED.value: "interrupted",
    AllocationOutcome.DISRUPTED.value: "interrupted",
}


class Held(NamedTuple):
    """What sums need of a row of `allocations`."""

    kind: str
    user: str
    queue: str
    label: str
    """Value of the label by which is grouped; empty without it."""
    start: int | None
    finish: int | None
    exact: bool
    ran: bool
    gpus: int
    cpu_millis: int
    memory_bytes: int
    outcome: str
    checkpoint: int | None


@dataclass(slots=True)
class Sums:
    """Sums of one group. Products are of microseconds, so that no addition rounds."""

    attempts: int = 0
    """Attempts that held something in the window, or began and ended without."""
    running: int = 0
    """Of these, how many are under way."""
    unknown: int = 0
    """Attempts of which times are missing: what they held is in no sum, or a part of it only."""
    inexact: int = 0
    """Attempts whose end is when the operator or the gateway found them gone."""
    gpu: int = 0
    """GPUs × µs."""
    cpu: int = 0
    """Thousandths of a core × µs."""
    memory: int = 0
    """Bytes × µs."""
    lost_failed: int = 0
    """GPUs × µs that failed attempts lost."""
    lost_interrupted: int = 0
    """The same of preempted and disrupted ones."""
    unknown_loss: int = 0
    """Attempts that lost something, and it is not known how much: no checkpoint was reported."""
    installation_cpu: int = 0
    """Thousandths of a core × µs of installations; they are in no other sum."""
    installation_memory: int = 0
    """Bytes × µs of installations."""


Key = tuple[str, ...]


def lost(row: Held, end: int) -> Interval | None:
    """What an attempt that is over lost: empty where it is nothing, None where it is not known."""
    start = row.start
    if start is None or row.outcome not in _LOSSES:
        return Interval(end, end)
    if not row.ran:
        return Interval(start, end)
    if row.checkpoint is None:
        return None
    return Interval(min(max(row.checkpoint, start), end), end)


def parts(row: Held, window: Interval, now: int) -> Iterator[tuple[str, Sums]]:
    """The sums of one row by month, within a window; what is under way counts until `now`."""
    end = row.finish if row.finish is not None else now
    if row.start is None or row.start >= end:
        when = Interval(end, end + 1).within(window)
        if when.micros:
            yield month_of(end), _counted(row, Interval(end, end), end)
        return
    for month, piece in by_month(Interval(row.start, end).within(window)):
        yield month, _counted(row, piece, end)


def _counted(row: Held, piece: Interval, end: int) -> Sums:
    cpu, memory = row.cpu_millis * piece.micros, row.memory_bytes * piece.micros
    if row.kind == AllocationKind.INSTALLATION:
        return Sums(installation_cpu=cpu, installation_memory=memory)
    found = Sums(
        attempts=1,
        running=int(row.finish is None),
        unknown=int(row.outcome == UNKNOWN),
        inexact=int(row.finish is not None and not row.exact and row.outcome != UNKNOWN),
        gpu=row.gpus * piece.micros,
        cpu=cpu,
        memory=memory,
    )
    loss = lost(row, end)
    if loss is None:
        found.unknown_loss = 1
        return found
    micros = row.gpus * loss.within(piece).micros
    setattr(found, f"lost_{_LOSSES.get(row.outcome, 'failed')}", micros)
    return found


def add(total: Sums, more: Sums) -> None:
    """Add the sums of `more` to `total`."""
    for name in Sums.__slots__:
        setattr(total, name, getattr(total, name) + getattr(more, name))


def grouped(
    rows: Iterable[Held], key: Callable[[Held, str], Key], window: Interval, now: int
) -> dict[Key, Sums]:
    """Sums by key, in the order of the keys. `key` is of a row and a month."""
    found: dict[Key, Sums] = {}
    for row in rows:
        for month, sums in parts(row, window, now):
            add(found.setdefault(key(row, month), Sums()), sums)
    return dict(sorted(found.items()))
