"""Several gateways see the same sessions, some later than others: each change is written once."""

from __future__ import annotations

import json
from typing import Any

from trainyard_gateway.audit.cluster import ClusterChanges
from trainyard_gateway.audit.observed import Watched
from trainyard_gateway.store import sessions
from trainyard_gateway.store.access import audit
from trainyard_gateway.store.access.audit import AuditQuery
from trainyard_gateway.store.database import Database
from trainyard_gateway.store.sessions import SessionRow


def session(version: int, priority: int) -> dict[str, Any]:
    entry = {
        "manager": "kubectl-edit",
        "operation": "Update",
        "time": "2026-11-30T20:00:00Z",
        "fieldsV1": {"f:spec": {"f:priority": {}}},
    }
    return {
        "metadata": {
            "uid": "u",
            "name": "s",
            "creationTimestamp": "2026-11-30T20:00:00Z",
            "resourceVersion": str(version),
            "generation": version,
            "managedFields": [entry],
        },
        "spec": {"priority": priority},
    }


async def see(database: Database, body: dict[str, Any], *, deleted: bool = False) -> None:
    """As a gateway that has just started."""
    changes = ClusterChanges(Watched())
    news = changes.changed([body], deleted=deleted)
    await database.write(lambda c: changes.write(c, news, deleted=deleted))
    changes.saved(news, deleted=deleted)


async def seen(database: Database) -> list[tuple[str, str]]:
    found = await database.read(lambda c: audit.page(c, AuditQuery(), None, 100))
    return sorted((row.verb, row.detail) for _, row in found)


async def test_a_gateway_that_is_behind_writes_nothing(database: Database) -> None:
    for version, priority in ((1, 0), (2, 5), (1, 0), (2, 5), (3, 7), (2, 5)):
        await see(database, session(version, priority))

    assert await seen(database) == [
        ("create", ""),
        ("update", "spec.priority: 0 → 5"),
        ("update", "spec.priority: 5 → 7"),
    ]


async def test_a_deletion_that_two_gateways_see_is_one(database: Database) -> None:
    await see(database, session(1, 0))
    for _ in range(2):
        await see(database, session(2, 0), deleted=True)
    await see(database, session(1, 0))
    await see(database, session(2, 0), deleted=True)

    assert await seen(database) == [("create", ""), ("delete", "")]


async def test_a_list_from_before_a_session_deletes_nothing(database: Database) -> None:
    """Another gateway has seen what was made after this one's list."""
    await see(database, session(7, 0))
    await database.write(lambda c: sessions.save(c, [row(session(7, 0))]))
    behind = ClusterChanges(Watched())

    await database.write(lambda c: behind.write_gone(c, set(), 6))
    assert await seen(database) == [("create", "")]
    for _ in range(2):
        await database.write(lambda c: behind.write_gone(c, set(), 7))
    assert await seen(database) == [("create", ""), ("delete", "")]


async def test_what_is_gone_has_not_changed_before(database: Database) -> None:
    """The object that the database keeps may be older than what was compared last."""
    await see(database, session(1, 0))
    await see(database, session(2, 5))
    await database.write(lambda c: sessions.save(c, [row(session(1, 0))]))

    await database.write(lambda c: ClusterChanges(Watched()).write_gone(c, set(), 9))

    assert await seen(database) == [
        ("create", ""),
        ("delete", ""),
        ("update", "spec.priority: 0 → 5"),
    ]


def row(body: dict[str, Any]) -> SessionRow:
    created = body["metadata"]["creationTimestamp"]
    return SessionRow("u", "s", created, json.dumps(body), deleted=False)


def test_what_has_not_changed_is_not_looked_at_again() -> None:
    changes = ClusterChanges(Watched())
    body = session(1, 0)
    assert changes.changed([body]) == [body]
    changes.saved([body])
    assert changes.changed([{**body, "status": {"phase": "Running"}}]) == []
    assert changes.changed([session(2, 0)]) != []
