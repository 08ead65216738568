"""Batches for a store without a gateway, and the charts that they give."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from trainyard_api.report import Batch
from trainyard_gateway.store.connect import connect
from trainyard_gateway.store.metrics import charts
from trainyard_gateway.store.store import Store

START = datetime(2026, 1, 1, tzinfo=UTC)
_uids = itertools.count()


def new_uid() -> str:
    """The UID of a new session."""
    return f"uid-{next(_uids)}"


def batch(uid: str, sequence: int, steps: dict[int, Any], **more: Any) -> Batch:
    """A batch with values of the metric `loss` by step; `more` are further fields of the batch."""
    rows = [
        {"step": s, "time": START + timedelta(seconds=s), "values": {"loss": v}}
        for s, v in steps.items()
    ]
    body = {
        "sessionUid": uid,
        "attempt": 1,
        "stream": "rank-0",
        "sequence": sequence,
        "metrics": rows,
        **more,
    }
    return Batch.model_validate(body)


@asynccontextmanager
async def opened(url: str, password_file: Path | None) -> AsyncIterator[Store]:
    """A store as another gateway opens it; closed at the end."""
    database = connect(url, password_file)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def chart(database: Store, uid: str, most: int = 1000, **window: Any) -> dict[str, Any]:
    """The chart of `loss`, as JSON."""
    [series] = await database.read(
        lambda c: charts.read_charts(c, uid, ["loss"], charts.Window(most, **window))
    )
    return series


def values(series: dict[str, Any]) -> dict[int, Any]:
    """The values of a chart by step."""
    return {p["step"]: p["value"] for p in series["points"]}
