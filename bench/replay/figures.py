"""What a replay came to, and what many replays come to together."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from .event_loop import Estimate, Record, World
from .workload import WEEK

LARGE_GPUS: Final = 4
"""A session of so many GPUs or more is large; of more than one, medium."""
TOLERANCE: Final = 60.0
"""A start so many seconds beside an interval lies in it; the arm is asked once a minute."""
LEADS: Final = ((0.0, "1 h"), (3600.0, "6 h"), (21_600.0, "24 h"), (86_400.0, "more"))
"""How far ahead the real start lay, from …, and the name of the class: up to …."""
T_95: Final = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
"""The 97.5 % quantile of Student's t by degrees of freedom, from 1; beyond, the normal's."""

Figures = dict[str, float]


def figures_of(world: World, estimates: Sequence[Estimate], start: float) -> Figures:
    """The figures of one replay; sessions count that came in the week from `start` on."""
    counted = [r for r in world.records.values() if start <= r.work.submitted < start + WEEK]
    found = waits(counted)
    found["busyShare"] = busy_share(world, start, start + WEEK)
    found["preemptions"] = float(sum(r.preemptions for r in counted))
    found["wastedGpuHours"] = sum(r.wasted for r in counted) / 3600
    found["wastedByPreemptionGpuHours"] = sum(r.wasted_by_preemption for r in counted) / 3600
    found["fairness"] = fairness(counted)
    told = [(e, world.records[e.uid].next_start(e.at)) for e in estimates]
    found |= estimates_of([(e, start) for e, start in told if e.first], "atSubmission")
    found |= estimates_of(told, "overTime")
    for since, name in LEADS:
        until = min((s for s, _ in LEADS if s > since), default=math.inf)
        near = [(e, start) for e, start in told if since <= start - e.at < until]
        found |= estimates_of(near, f"startsWithin{name.replace(' ', '').title()}")
    return found


def waits(records: Iterable[Record]) -> Figures:
    """Mean and 95 % wait in seconds, of all and by size, and the mean of the largest."""
    by_size: dict[str, list[float]] = {"all": [], "small": [], "medium": [], "large": []}
    records = list(records)
    for record in records:
        by_size["all"].append(record.waited)
        by_size[size_class(record.work.gpus)].append(record.waited)
    found = {}
    for size, seconds in by_size.items():
        if seconds:
            found[f"meanWait.{size}"] = statistics.fmean(seconds)
            found[f"wait95.{size}"] = quantile(seconds, 0.95)
    most = max((r.work.gpus for r in records), default=0)
    largest = [r.waited for r in records if r.work.gpus == most]
    if largest:
        found["meanWait.largest"] = statistics.fmean(largest)
    return found


def size_class(gpus: int) -> str:
    """Small is one GPU, large is `LARGE_GPUS` and more."""
    return "small" if gpus <= 1 else "medium" if gpus < LARGE_GPUS else "large"


def busy_share(world: World, start: float, end: float) -> float:
    """Share of all GPU-seconds from `start` to `end` that sessions held."""
    capacity = sum(vector[-1] for vector in world.allocatable.values()) * (end - start)
    ends = [*(at for at, _ in world.busy[1:]), math.inf]
    held = sum(
        gpus * max(0.0, min(until, end) - max(since, start))
        for (since, gpus), until in zip(world.busy, ends, strict=True)
    )
    return held / capacity


def fairness(records: Iterable[Record]) -> float:
    """Jain's index of the users' mean slowdown: 1 is equal, 1 ÷ users is all on one.

    The slowdown of a session is (wait + length) ÷ length, with a length of at least ten minutes.
    """
    by_user: dict[str, list[float]] = defaultdict(list)
    for record in records:
        length = max(600.0, record.work.seconds)
        by_user[record.work.user].append((record.waited + length) / length)
    means = [statistics.fmean(s) for s in by_user.values()]
    return sum(means) ** 2 / (len(means) * sum(m * m for m in means)) if means else 1.0


def estimates_of(told: Sequence[tuple[Estimate, float]], name: str) -> Figures:
    """How far real starts lay from the middle of the interval, in seconds; how often within it.

    `told` are estimates, each with the start that followed.
    """
    if not told:
        return {}
    found = {f"{name}.estimates": float(len(told))}
    # Where nothing says when it starts at the earliest, that is now.
    bounded = [
        ((e.at if e.earliest is None else e.earliest), e.latest, start)
        for e, start in told
        if e.latest is not None
    ]
    found[f"{name}.known"] = len(bounded) / len(told)
    if bounded:
        held = [low - TOLERANCE <= start <= high + TOLERANCE for low, high, start in bounded]
        errors = [abs(start - (low + high) / 2) for low, high, start in bounded]
        found[f"{name}.medianError"] = statistics.median(errors)
        found[f"{name}.error90"] = quantile(errors, 0.9)
        found[f"{name}.coverage"] = statistics.fmean(held)
        found[f"{name}.medianWidth"] = statistics.median(high - low for low, high, _ in bounded)
    return found


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]


def summary(replays: Sequence[Figures]) -> dict[str, dict[str, float]]:
    """Mean of each figure over replays, with its 95 % confidence interval by Student's t."""
    names = sorted({name for figures in replays for name in figures})
    found = {}
    for name in names:
        values = [figures[name] for figures in replays if name in figures]
        mean = statistics.fmean(values)
        half = 0.0
        if len(values) > 1:
            freedom = len(values) - 1
            t = T_95[freedom - 1] if freedom <= len(T_95) else 1.96
            half = t * statistics.stdev(values) / math.sqrt(len(values))
        found[name] = {"mean": mean, "low": mean - half, "high": mean + half}
    return found
