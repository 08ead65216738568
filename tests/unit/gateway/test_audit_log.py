"""The audit_log of attempts takes a flood without taking the memory or the disk."""

from __future__ import annotations

from sqlalchemy import select

from trainyard_gateway.auth.audit_log import AuditLog
from trainyard_gateway.store.database import Database
from trainyard_gateway.store.schema.tables import auth_logs


def attempt(number: int) -> dict[str, object]:
    return {"client": ("10.0.0.1", 1), "method": "GET", "path": f"/{number}", "state": {"id": "r"}}


async def paths(database: Database) -> list[str]:
    query = select(auth_logs.c.path).order_by(auth_logs.c.id)
    return list(await database.read(lambda c: c.execute(query).scalars().all()))


async def test_only_so_many_wait(database: Database) -> None:
    audit_log = AuditLog(database, most_waiting=5)
    for number in range(1000):
        audit_log.record(attempt(number), False, "unknown")
    await audit_log.flush()

    assert await paths(database) == [f"/{n}" for n in range(5)]


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
