"""The queries of hot paths use their indexes on PostgreSQL too; for SQLite see tests/unit/gateway/test_schema.py."""

from __future__ import annotations

import pytest
from hot_queries import QUERIES
from postgres import Postgres

from trainyard_gateway.store.connect import connect

# Tables of tests are so small that reading them whole is cheaper, so that is made expensive. What has no index is read whole all the same.
PLANNER = "".join(f"SET enable_{way} = off; " for way in ("seqscan", "bitmapscan", "sort"))


@pytest.fixture(scope="module")
def url(postgres: Postgres) -> str:
    return postgres.database()


@pytest.fixture(autouse=True)
async def migrated(url: str, postgres: Postgres) -> None:
    """The first test makes the tables."""
    database = connect(url, postgres.password_file)
    await database.open()
    await database.close()


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
async def test_no_query_of_a_hot_path_scans_or_sorts_on_postgresql(
    url: str, postgres: Postgres, query: str
) -> None:
    plan = postgres.sql(url, f"{PLANNER} EXPLAIN {query}")

    assert any("Index" in line for line in plan), plan
    assert not [line for line in plan if "Seq Scan" in line or "Sort" in line], plan


async def test_a_query_without_an_index_would_be_noticed(url: str, postgres: Postgres) -> None:
    plan = postgres.sql(url, f"{PLANNER} EXPLAIN SELECT * FROM metrics ORDER BY value")

    assert any("Seq Scan" in line or "Sort" in line for line in plan)
