"""What of a run the gateway takes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from trainyard.cli.trackers.source import Point
from trainyard_api.mlflow import key_fault

MOST_STEP = 2**53
MOST_TIME = 253_402_214_400_000
"""Milliseconds since 1970: the end of the year 9999."""


def named(
    pairs: Mapping[str, str], kind: str, most: int, problems: list[str], *, cut: bool
) -> Iterator[tuple[str, str]]:
    """Pairs that the gateway takes; what is wrong with the others is added to `problems`."""
    for key, value in pairs.items():
        if (fault := key_fault(key)) is not None:
            problems.append(f"{kind} {key}: {fault}")
            continue
        if len(value) > most:
            end = f"the first {most:,} are here" if cut else "it is left out"
            problems.append(f"{kind} {key}: it has more than {most:,} characters; {end}")
            if not cut:
                continue
        yield key, value[:most]


def is_taken(point: Point) -> bool:
    """Whether the gateway takes a value of this time and step."""
    return 0 <= point.timestamp <= MOST_TIME and abs(point.step) <= MOST_STEP
