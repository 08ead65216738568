"""Several sessions side by side, each with the curve of one metric."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

import orjson
from pydantic import Field

from trainyard_api.model import OpenModel
from trainyard_gateway.errors import Unprocessable
from trainyard_gateway.sessions.info import SessionInfo

MOST_COMPARED = 100
"""Sessions of one request."""
MOST_BYTES = 16 << 20
"""Of what one answer says of the sessions; the curves have their own bound."""


class ComparisonQuery(OpenModel):
    """What is compared."""

    session: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(
        min_length=1, max_length=MOST_COMPARED
    )
    """Names or UIDs."""
    metric: str | None = Field(default=None, max_length=1000)
    """The metric of the curves. Default: no curves."""
    max_points: int = Field(default=1000, ge=4, le=100_000)
    """About so many points of each curve at most."""
    first_step: int = Field(default=0, ge=0, le=2**53)
    """From this step."""
    last_step: int | None = Field(default=None, ge=0, le=2**53)
    """Up to this step. Default: the newest."""


class Curve(OpenModel):
    """One metric of a session over the steps, as lists of the same length."""

    uid: str
    """Of the session."""
    total: int
    """Number of points. There may be fewer, with the lowest and highest of every stretch."""
    steps: list[int]
    """Optimizer steps, in order."""
    times: list[int]
    """When each was measured, in microseconds since 1970."""
    values: list[float | str]
    """Numbers, or NaN, Infinity, -Infinity as text."""
    epochs: list[int | None] | None = None
    """Epochs that ended at the steps; absent if there are none."""


class Comparison(OpenModel):
    """Several sessions side by side."""

    sessions: list[SessionInfo]
    """In the order in which they were asked for."""
    curves: list[Curve]
    """Of those that have the metric, in the same order."""
    unknown: list[str]
    """What is asked for and not there."""


def comparison_json(
    sessions: Sequence[SessionInfo], curves: Mapping[str, bytes], unknown: Iterable[str]
) -> bytes:
    """A `Comparison`. Pure. Raises Unprocessable.

    `curves`: JSON of its curves without their UIDs, by UID.
    """
    infos = b",".join(one.model_dump_json(by_alias=True).encode() for one in sessions)
    if len(infos) > MOST_BYTES:
        raise Unprocessable(
            f"these {len(sessions)} sessions have {len(infos) >> 20} MiB of fields, of at most "
            f"{MOST_BYTES >> 20}; compare fewer of them at once"
        )
    drawn = b",".join(
        b'{"uid":' + orjson.dumps(one.uid) + b"," + curves[one.uid][1:]
        for one in sessions
        if one.uid in curves
    )
    rest = orjson.dumps({"unknown": list(unknown)})
    return b'{"sessions":[' + infos + b'],"curves":[' + drawn + b"]," + rest[1:]
