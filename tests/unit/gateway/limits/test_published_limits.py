"""What the gateway publishes of limits."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import insert

from trainyard_api.limits.published import Subject, SubjectKind, read_limits
from trainyard_gateway.limits.limit import LimitSpec
from trainyard_gateway.limits.service import Limits
from trainyard_gateway.store.ledger import writing
from trainyard_gateway.store.schema.ledger_tables import allocations
from trainyard_gateway.store.store import Store

DAY = 86_400
NOW = 1_800_000_000.0
ADA = Subject(SubjectKind.USER, "ada")


def attempt(start: float) -> dict[str, Any]:
    """An attempt of ada with one GPU that is under way, as far as the database knows."""
    return {
        "session_uid": "s", "kind": "Attempt", "number": 1, "session": "s", "user": "ada",
        "queue": "default", "labels": "{}", "start": int(start * 1e6), "finish": None,
        "exact": True, "ran": True, "gpus": 1, "cpu_millis": 0, "memory_bytes": 0, "outcome": "",
    }  # fmt: skip


async def test_nothing_is_published_before_it_is_seen_what_ended_while_no_gateway_ran(
    database: Store,
) -> None:
    seen = asyncio.Event()
    limits = Limits(database, seen, now=lambda: NOW)
    await limits.put(ADA, LimitSpec(gpu_hours=10.0))
    row = attempt(NOW - DAY)
    await database.write(lambda c: c.execute(insert(allocations), row))
    assert await limits.published() == ""
    # The list of the cluster's sessions says that it is gone.
    await database.write(lambda c: writing.close_gone(c, set()))
    seen.set()
    (found,) = read_limits(await limits.published()).limits
    assert found.spent_gpu_seconds == 0.0
