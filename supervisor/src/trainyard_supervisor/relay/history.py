"""The lines that a relay has kept: all values of a metric, and the state of the runs.

Lines lie in files by attempt and sequence: those that wait in the spool, and those that the gateway
has, which are kept here. When the latter are too many, the oldest are replaced by a file that makes
the same state again; the older values of metrics are then the gateway's alone.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from trainyard_api.runs.lines import line_of, reports_in
from trainyard_supervisor.relay.run_state import Point, RunStates

MOST_BYTES = 64 << 20
"""Of the files that the gateway has."""
_SUMMARY = "000000-000000000000.jsonl"

Place = tuple[int, int]
"""Attempt and sequence."""


class Page(NamedTuple):
    """Some values of a metric, and where the next ones begin."""

    points: list[Point]
    next: str | None


class History:
    """The files of one stream."""

    def __init__(self, spool: Path, stream: str, kept: Path) -> None:
        self._spool, self._stream, self._kept = spool, stream, kept

    def load(self, states: RunStates) -> None:
        """Apply every line."""
        for (attempt, _), path in self._files():
            with contextlib.suppress(OSError), path.open("rb") as lines:
                for report in reports_in(lines):
                    states.apply(report, attempt)

    @property
    def whole(self) -> bool:
        """Whether all values of metrics are here."""
        return not (self._kept / _SUMMARY).exists()

    def values(self, run: str, key: str, most: int, after: str | None) -> Page:
        """Values of a metric in the order in which they came, `most` of them.

        `after` is the `next` of the page before. Raises ValueError if it is none.
        """
        since, skipped = _place_of(after)
        wanted = json.dumps(key).encode()
        found: list[Point] = []
        for place, path in self._files():
            if place < since:
                continue
            number = -1
            for number, point in enumerate(_points(path, run, key, wanted)):
                if place == since and number < skipped:
                    continue
                if len(found) == most:
                    return Page(found, f"{place[0]}-{place[1]}-{number}")
                found.append(point)
        return Page(found, None)

    def shorten(self, states: RunStates, most: int = MOST_BYTES) -> None:
        """Replace the oldest files that the gateway has if they have more than `most` bytes.

        Call it while nothing is written. Raises OSError.
        """
        files = sorted(self._kept.glob("*.jsonl"))
        sizes = {file: file.stat().st_size for file in files}
        if sum(sizes.values()) <= most:
            return
        new = self._kept / ".summary.new"
        with new.open("wb") as lines:
            for run in states.all():
                lines.write(line_of(run.report()))
            lines.flush()
            os.fsync(lines.fileno())
        new.replace(self._kept / _SUMMARY)
        left = sum(sizes.values())
        for file in files:
            if left <= most // 2:
                return
            left -= sizes[file]
            if file.name != _SUMMARY:
                file.unlink()

    def _files(self) -> Iterator[tuple[Place, Path]]:
        found = {_of_kept(path): path for path in self._kept.glob("*.jsonl")}
        for path in self._spool.glob(f"*/{self._stream}/*.jsonl"):
            found[int(path.parent.parent.name), int(path.stem)] = path
        for place, path in sorted(found.items()):
            # The sender may move it meanwhile.
            kept = self._kept / f"{place[0]:06d}-{place[1]:012d}.jsonl"
            yield place, path if path.exists() else kept


def _of_kept(path: Path) -> Place:
    attempt, _, sequence = path.stem.partition("-")
    return int(attempt), int(sequence)


def _place_of(after: str | None) -> tuple[Place, int]:
    if after is None:
        return (0, 0), 0
    attempt, sequence, number = map(int, after.split("-"))
    return (attempt, sequence), number


def _points(path: Path, run: str, key: str, wanted: bytes) -> Iterator[Point]:
    """The values of a metric in a file; `wanted` is how its name is written."""
    with contextlib.suppress(FileNotFoundError), path.open("rb") as lines:
        for line in lines:
            if wanted not in line or run.encode() not in line:
                continue
            report: dict[str, Any]
            for report in reports_in([line]):
                if report["run"] == run:
                    yield from (p for p in report.get("metrics") or () if p["key"] == key)
