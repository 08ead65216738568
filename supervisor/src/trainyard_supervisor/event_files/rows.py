"""Events as the rows of a batch. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from trainyard_supervisor.event_files.summaries import Event

ROW_VALUES = 256
"""Values of one row, as the gateway takes it."""
MOST_STEP = 2**53
_MOST_TIME = 253_402_128_000.0
"""Begin of the last day that every time zone has."""
_MOST_EPOCH = 2**31 - 1


class Row(NamedTuple):
    """Values of one event."""

    when: float | None
    """Seconds since 1970; None if the file does not say it."""
    step: int
    values: dict[str, float]


def rows_of(event: Event, name_of: Callable[[str], str | None]) -> Iterator[Row]:
    """The rows of an event; `name_of` gives the name of a tag, None for one that is left out."""
    when = event.wall_time if 0 < event.wall_time < _MOST_TIME else None
    values: dict[str, float] = {}
    for tag, value in event.values:
        name = name_of(tag)
        if name is None:
            continue
        if name in values or len(values) >= ROW_VALUES:
            yield Row(when, event.step, values)
            values = {}
        values[name] = value
    if values:
        yield Row(when, event.step, values)


def epoch_of(event: Event) -> int | None:
    """The whole epochs that are done, where an event has them as a value of `epoch`."""
    for tag, value in event.values:
        if tag.rpartition("/")[2] == "epoch" and math.isfinite(value) and 0 <= value < _MOST_EPOCH:
            return int(value)
    return None
