"""What the middleware notes of a request, as its answer begins."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.routing import Route

from trainyard_gateway.audit.trail import AuditTrail
from trainyard_gateway.auth.keys import ADMIN
from trainyard_gateway.http import audited
from trainyard_gateway.store.access import audit
from trainyard_gateway.store.access.audit import AuditQuery
from trainyard_gateway.store.database import Database


async def noted(database: Database, method: str, path: str, **state: Any) -> list[tuple[str, ...]]:
    """The events of one request."""
    trail = AuditTrail(database)
    running = asyncio.create_task(trail.run())
    scope: dict[str, Any] = {
        "method": method,
        "path": f"/api/v1{path}",
        "route": Route(path, print),
        "headers": [(b"x-api-key", b"k")],
        "client": ("10.0.0.1", 1),
        "state": {"caller": ADMIN, "id": "r1", **state},
    }
    await audited.note(lambda: trail, scope, {"status": 201, "headers": []})
    running.cancel()
    found = await database.read(lambda c: audit.page(c, AuditQuery(), None, 9), applied=False)
    return [(r.verb, r.object, r.uid, r.client, r.request_id) for _, r in found]


REQUESTS: list[Any] = [
    pytest.param("POST", {"body": b'{"name": "s"}'}, [("create", "s", "", "10.0.0.1", "r1")], id="start"),
    pytest.param("POST", {"audited": ("s", "u")}, [("create", "s", "u", "10.0.0.1", "r1")], id="of-a-session"),
    pytest.param("POST", {"body": b'{"name": "s"}', "dry_run": True}, [], id="dry-run"),
    pytest.param("GET", {}, [], id="a-read"),
    pytest.param("POST", {"caller": None}, [], id="without-a-credential"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "state", "wanted"), REQUESTS)
async def test_a_request_that_changes_something_is_an_event(
    database: Database, method: str, state: dict[str, Any], wanted: list[tuple[str, ...]]
) -> None:
    assert await noted(database, method, "/training/start", **state) == wanted
