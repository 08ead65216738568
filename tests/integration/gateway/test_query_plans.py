"""Hot queries use their indexes on PostgreSQL; for SQLite see tests/unit/gateway/test_schema.py."""

from __future__ import annotations

import pytest
from hot_queries import QUERIES
from postgres import Postgres

from trainyard_gateway.store.connect import connect

# The tables of tests are so small that a full scan is cheaper, so scans are made expensive. A query
# without an index scans nevertheless.
PLANNER = "".join(f"SET enable_{way} = off; " for way in ("seqscan", "bitmapscan", "sort"))


@pytest.fixture(scope="module")
def url(postgres: Postgres) -> str:
    return postgres.database()


@pytest.fixture(autouse=True)
async def migrated(url: str, postgres: Postgres) -> None:
    """The first test creates the tables."""
    database = connect(url, postgres.password_file)
    await database.open()
    await database.close()


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
async def test_hot_queries_neither_scan_nor_sort_on_postgresql(
    url: str, postgres: Postgres, query: str
) -> None:
    plan = postgres.sql(url, f"{PLANNER} EXPLAIN {query}")

    assert any("Index" in line for line in plan), plan
    assert not [line for line in plan if "Seq Scan" in line or "Sort" in line], plan


async def test_a_query_without_an_index_is_noticed(url: str, postgres: Postgres) -> None:
    plan = postgres.sql(url, f"{PLANNER} EXPLAIN SELECT * FROM metrics ORDER BY value")

    assert any("Seq Scan" in line or "Sort" in line for line in plan)
