"""The audit_log of attempts takes a flood without taking the memory or the disk."""

from __future__ import annotations

from sqlalchemy import select

from trainyard_gateway.auth.audit_log import AuditLog
from trainyard_gateway.repeated_failures import MOST_WRITTEN
from trainyard_gateway.store.database import Database
from trainyard_gateway.store.schema.tables import auth_logs


def attempt(number: int) -> dict[str, object]:
    """An attempt of a client of its own."""
    address = f"10.0.{number // 256}.{number % 256}"
    return {"client": (address, 1), "method": "GET", "path": f"/{number}", "state": {"id": "r"}}


async def paths(database: Database) -> list[str]:
    query = select(auth_logs.c.path).order_by(auth_logs.c.id)
    return list(await database.read(lambda c: c.execute(query).scalars().all()))


async def test_only_so_many_wait(database: Database) -> None:
    audit_log = AuditLog(database, most_waiting=5)
    for number in range(1000):
        audit_log.record(attempt(number), False, "unknown")
    await audit_log.flush()

    assert await paths(database) == [f"/{n}" for n in range(5)]


async def test_failures_that_repeat_become_one_row_more(database: Database) -> None:
    audit_log = AuditLog(database)
    for number in range(1000):
        audit_log.record({**attempt(0), "path": f"/{number}"}, False, "unknown")
    audit_log.record(attempt(1), False, "revoked", "staleKey")
    await audit_log.close()
    query = select(auth_logs.c.path, auth_logs.c.reason, auth_logs.c.key_id)
    rows = await database.read(lambda c: [tuple(r) for r in c.execute(query)])

    assert sorted(rows, key=str) == sorted(
        [
            *((f"/{n}", "unknown", None) for n in range(MOST_WRITTEN)),
            ("/999", f"unknown, {1000 - MOST_WRITTEN} more", None),
            ("/1", "revoked", "staleKey"),
        ],
        key=str,
    )


async def test_only_the_newest_are_kept(database: Database) -> None:
    audit_log = AuditLog(database, most_kept=10)
    for number in range(35):
        audit_log.record(attempt(number), False, "unknown")
        if number % 5 == 4:
            await audit_log.flush()

    assert await paths(database) == [f"/{n}" for n in range(25, 35)]


async def test_what_a_terminal_trips_over_is_escaped(database: Database) -> None:
    audit_log = AuditLog(database)
    audit_log.record({**attempt(0), "path": "/\x1b[2J\0"}, False, "missing")
    await audit_log.flush()

    assert await paths(database) == ["/\\x1b[2J\\x00"]
