"""The ledger is summed every 15 seconds, so the sums read what lies in the window, and not years."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from trainyard_api.limits.published import SubjectKind
from trainyard_gateway.store.database import Connection
from trainyard_gateway.store.ledger.intervals import Interval
from trainyard_gateway.store.ledger.spending import sums
from trainyard_gateway.store.store import Store


@pytest.mark.parametrize("kind", list(SubjectKind))
async def test_sums_use_the_index_of_ends(kind: SubjectKind, database: Store) -> None:
    def plan(connection: Connection) -> str:
        query = sums(kind, Interval(10, 20)).compile(
            connection, compile_kwargs={"literal_binds": True}
        )
        return str(connection.execute(text(f"EXPLAIN QUERY PLAN {query}")).all())

    found = await database.read(plan, applied=False)
    assert "allocations_by_finish" in found
    assert "SCAN" not in found
