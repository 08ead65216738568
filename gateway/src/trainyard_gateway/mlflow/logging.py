"""Metric values of a request on their one way: a batch of the exactly-once ingest.

A client that gets no answer sends its request again, as a new batch; values that are there already
count once.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Sequence
from typing import cast

import orjson

from trainyard_api.mlflow.run_report import RunPoint, RunReport
from trainyard_api.report import Batch
from trainyard_gateway.mlflow.visitor import Visitor
from trainyard_gateway.mlflow.wire.answers import json_value
from trainyard_gateway.mlflow.wire.fields import Metric
from trainyard_gateway.store.runs.rows import RunRow
from trainyard_gateway.store.store import Store


class MetricLog:
    """Sends values to the store as the sender `mlflow-<process>`."""

    def __init__(self, database: Store, attempt_of: Callable[[str], int]) -> None:
        """`attempt_of`: the current attempt of the session with this UID, 1 before the first."""
        self._database, self._attempt_of = database, attempt_of
        self._stream = f"mlflow-{secrets.token_hex(8)}"
        self._numbers = itertools.count(1)

    async def log(self, run: RunRow, metrics: Sequence[Metric], visitor: Visitor) -> None:
        """Make values durable. Raises TooManyMetricNames."""
        if not metrics:
            return
        batch = batch_of(
            run, metrics, self._attempt(run, visitor), self._stream, next(self._numbers)
        )
        await self._database.ingest(batch, body_of(batch))

    def _attempt(self, run: RunRow, visitor: Visitor) -> int:
        if visitor.session_uid is not None:
            return visitor.attempt
        return self._attempt_of(run.session_uid) if run.session_uid is not None else 1


def batch_of(
    run: RunRow, metrics: Sequence[Metric], attempt: int, stream: str, sequence: int
) -> Batch:
    """Values of a run as a batch; they are checked already. Pure."""
    # What applies a batch reads the fields of points, which these have too.
    points = cast("list[RunPoint]", metrics)
    report = _REPORT.model_copy(update={"run": run.id, "metrics": points})
    return _BATCH.model_copy(
        update={
            "session_uid": run.session_uid or run.id,
            "attempt": attempt,
            "stream": stream,
            "sequence": sequence,
            "runs": [report],
        }
    )


_REPORT = RunReport.model_construct(run="")
_BATCH = Batch.model_construct(session_uid="", attempt=1, stream="", sequence=1)
"""To be copied, since to find the defaults of a model takes ten times longer."""


def body_of(batch: Batch) -> bytes:
    """The batch as JSON, as far as `batch_of` fills it. Pure."""
    [report] = batch.runs
    metrics = [
        {
            "key": p.key,
            "value": json_value(float(p.value)),
            "timestamp": p.timestamp,
            "step": p.step,
        }
        for p in report.metrics
    ]
    return orjson.dumps(
        {
            "sessionUid": batch.session_uid,
            "attempt": batch.attempt,
            "stream": batch.stream,
            "sequence": batch.sequence,
            "runs": [{"run": report.run, "metrics": metrics}],
        }
    )
