"""Metrics over the steps, and printed lines."""

from __future__ import annotations

from trainyard_api.model import OpenModel


class Value(OpenModel):
    """The newest value of a metric; NaN and infinities are text."""

    name: str
    step: int
    epoch: int | None = None
    time: str
    value: float | str


class Metrics(OpenModel):
    """The newest value of every metric of a session."""

    session: str
    metrics: list[Value]

    def get(self, name: str) -> float | None:
        """The number of one metric, None where it is absent or no number."""
        found = next((v.value for v in self.metrics if v.name == name), None)
        return found if isinstance(found, float) else None


class Point(OpenModel):
    """A value at a step."""

    step: int
    epoch: int | None = None
    time: str
    value: float | str


class Series(OpenModel):
    """One metric over the steps."""

    name: str
    total: int
    points: list[Point]


class History(OpenModel):
    """Metrics over the steps."""

    session: str
    series: list[Series]


class Curve(OpenModel):
    """One metric of a session over the steps, as lists of the same length."""

    uid: str
    total: int
    steps: list[int]
    times: list[int]
    """Microseconds since 1970."""
    values: list[float | str]
    epochs: list[int | None] | None = None


class RunHistory(OpenModel):
    """Metrics of a run over the steps."""

    run: str
    series: list[Series]


class LogLine(OpenModel):
    """One line that a worker printed, with its time, level and rank."""

    cursor: int
    time: str
    level: str
    message: str
    rank: int
    attempt: int


class Logs(OpenModel):
    """Printed lines; `next` is the cursor for what comes after."""

    session: str
    lines: list[LogLine]
    next: int
    more: bool | None = None
    """Whether more lines come after these, with `tail` before them; None of an older gateway."""
