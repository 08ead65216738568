"""What a program wrote in its own files beside what Trainyard holds, point by point. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

MOST_SAID = 20


class Point(NamedTuple):
    """A value of a metric."""

    step: int
    value: float
    when: int | None = None
    """Milliseconds since 1970; None where the file does not say it."""


Curves = Mapping[str, Sequence[Point]]
"""By metric, in the order in which they were written."""


class Compared(NamedTuple):
    """How many points were compared, and sentences on those that are not the same."""

    points: int
    wrong: list[str]


def compared(local: Curves, held: Curves, *, latest: bool, whole: bool = True) -> Compared:
    """Compare every point that was written with what is held.

    `latest`: of several values of one step the last that was written counts, as in event files and
    tables; otherwise all are held, in that order. `whole`: whether nothing else may be held.
    """
    wrong: list[str] = []
    count = 0
    for name in sorted(local):
        wanted = last_of_steps(local[name]) if latest else by_step(local[name])
        there = by_step(held.get(name, ()))
        count += len(wanted)
        wrong += _differences(name, wanted, there)
    if whole:
        wrong += [f"{name}: held, and never written" for name in sorted(held.keys() - local.keys())]
    return Compared(count, wrong[:MOST_SAID])


def runs_compared(local: Sequence[Curves], held: Sequence[Curves]) -> Compared:
    """Compare several runs, such as the candidates of a search, which have no names in common."""
    pairs = zip(sorted(local, key=_key), sorted(held, key=_key), strict=False)
    found = [compared(one, other, latest=False) for one, other in pairs]
    wrong = [sentence for each in found for sentence in each.wrong]
    if len(local) != len(held):
        wrong.insert(0, f"{len(held)} runs are held instead of {len(local)}")
    return Compared(sum(each.points for each in found), wrong[:MOST_SAID])


def by_step(points: Iterable[Point]) -> list[Point]:
    """Points by step; those of one step stay in their order."""
    return sorted(points, key=lambda point: point.step)


def last_of_steps(points: Iterable[Point]) -> list[Point]:
    """The last point of each step, by step."""
    return by_step({point.step: point for point in points}.values())


def _differences(name: str, wanted: Sequence[Point], there: Sequence[Point]) -> list[str]:
    if [p.step for p in wanted] != [p.step for p in there]:
        lost = sorted({p.step for p in wanted} - {p.step for p in there})
        new = sorted({p.step for p in there} - {p.step for p in wanted})
        numbers = f"{len(there)} points instead of {len(wanted)}"
        return [f"{name}: {numbers}; steps lost: {lost[:5]}, steps never written: {new[:5]}"]
    return [
        f"{name}: {found} instead of {point}"
        for point, found in zip(wanted, there, strict=True)
        if not _same(point, found)
    ]


def _same(written: Point, held: Point) -> bool:
    """Bit for bit; the time within a millisecond, where it was written."""
    if _bits(written.value) != _bits(held.value):
        return False
    return written.when is None or held.when is None or abs(written.when - held.when) <= 1


def _bits(value: float) -> bytes:
    # All that is no number is one value, and SQLite knows one zero.
    return b"NaN" if value != value else struct.pack("<d", value or 0.0)


def _key(curves: Curves) -> list[tuple[str, list[tuple[int, bytes]]]]:
    return [
        (name, [(p.step, _bits(p.value)) for p in by_step(points)])
        for name, points in sorted(curves.items())
    ]
