"""Rows of the audit log on both databases: what is written once, what goes, and what stays."""

from __future__ import annotations

from typing import Any

import pytest

from trainyard_gateway.audit.bound import AuditBound
from trainyard_gateway.audit.event import AuditEvent, AuditKind, AuditVerb, Channel
from trainyard_gateway.audit.trail import row_of
from trainyard_gateway.store.access import audit
from trainyard_gateway.store.access.audit import AuditQuery, AuditRow
from trainyard_gateway.store.store import Store

pytestmark = pytest.mark.integration

DAY = 86_400 * 1_000_000


def row(time: int, user: str, **more: Any) -> AuditRow:
    event = AuditEvent(time, AuditVerb.UPDATE, AuditKind.SESSION, f"s{time}", Channel.KEY, user)
    return row_of(event)._replace(**more)


async def kept(database: Store) -> list[tuple[int, str]]:
    found = await database.read(lambda c: audit.page(c, AuditQuery(), None, 100), applied=False)
    return [(r.time, r.user) for _, r in found]


async def test_the_oldest_of_the_users_with_the_most_go(database: Store) -> None:
    rows = [row(n, user) for n, user in ((1, "ada"), (2, "mallory"), (3, ""), (4, "mallory"))]
    noise = [row(n, "mallory") for n in range(100, 150)]
    await database.write(lambda c: audit.append(c, [*noise, *rows]))
    bound = AuditBound(database, 365, 5, clock=lambda: 0.0)
    for _ in range(2):
        await bound.prune()
        assert await kept(database) == [
            (149, "mallory"), (148, "mallory"), (147, "mallory"), (3, ""), (1, "ada"),
        ]  # fmt: skip


async def test_numbers_that_were_never_used_cost_no_event(database: Store) -> None:
    """A change that is written again uses up a number in PostgreSQL."""
    again = [row(n, "ada", mark="u:create") for n in range(1, 21)]
    for one in again:
        await database.write(lambda c, one=one: audit.append(c, [one]))
    await database.write(lambda c: audit.append(c, [row(n, "ada") for n in (30, 31)]))

    await AuditBound(database, 365, 3, clock=lambda: 0.0).prune()

    assert await kept(database) == [(31, "ada"), (30, "ada"), (1, "ada")]


async def test_old_events_go(database: Store) -> None:
    await database.write(lambda c: audit.append(c, [row(n * DAY, "ada") for n in range(1, 11)]))

    await AuditBound(database, 5, 1000, clock=lambda: 11 * 86_400).prune()

    assert [time // DAY for time, _ in await kept(database)] == [10, 9, 8, 7, 6]
