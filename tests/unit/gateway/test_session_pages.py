"""Pages of sessions end, and show each session once."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert

from trainyard_api.rights.owner import User
from trainyard_gateway.errors import BadRequest
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.sessions.info import SessionInfo
from trainyard_gateway.sessions.listing import cursor_after, mark, rest
from trainyard_gateway.store.database import Database
from trainyard_gateway.store.schema.tables import sessions
from trainyard_kube import KubeClient, KubeConfig

TIMES = ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")


def body(uid: str, created: str) -> dict[str, Any]:
    metadata = {"uid": uid, "name": f"n-{uid}", "creationTimestamp": created, "namespace": "a"}
    return {"metadata": metadata, "spec": {}}


async def test_history_ends_where_creations_are_equal(database: Database) -> None:
    import orjson

    rows = [
        {
            "uid": f"u{i}",
            "name": f"n-u{i}",
            "created": TIMES[i % 3],
            "object": orjson.dumps(body(f"u{i}", TIMES[i % 3])).decode(),
            "deleted": True,
        }
        for i in range(9)
    ]
    await database.write(lambda c: c.execute(insert(sessions), rows).rowcount)
    cache = SessionCache(KubeClient(KubeConfig(server="http://127.0.0.1:1")), "a", database)

    seen: list[str] = []
    cursor: str | None = None
    for _ in range(20):
        past, more, total = await cache.history(2, mark(cursor), User("ada"))
        seen += [s.uid for s in past]
        cursor = cursor_after(past[-1]) if more else None
        if cursor is None:
            break

    assert cursor is None
    assert total == 9
    assert sorted(seen) == [f"u{i}" for i in range(9)]
    assert seen[:3] == ["u8", "u5", "u2"]


def test_live_pages_show_each_once() -> None:
    found = [
        SessionInfo(name=f"s{i}", uid=f"u{i}", namespace="a", phase="Queued", created=t, spec={})
        for i, t in enumerate(TIMES * 2)
    ]
    every, total = rest(found, None, "Queued")
    second, _ = rest(found, cursor_after(every[3]), "Queued")

    assert [s.uid for s in every] == ["u5", "u2", "u4", "u3", "u1", "u0"]
    assert (second, total) == (every[4:], 6)


@pytest.mark.parametrize("cursor", ["", "x", "2026 u", "a_b\0", "_", "2026-01-01T00:00:00Z_é"])
def test_a_made_up_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(BadRequest, match="cursor"):
        mark(cursor)


VICTIM, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


def named(uid: str, name: str, version: str) -> dict[str, Any]:
    found = body(uid, TIMES[0])
    found["metadata"] |= {"name": name, "resourceVersion": version}
    return found


@pytest.mark.parametrize("deleted", [False, True], ids=["live", "deleted"])
async def test_a_name_never_hides_a_uid(database: Database, deleted: bool) -> None:
    """A newer session is called as the UID of an older one."""
    import orjson

    victim, other = named(VICTIM, "victim", "1"), named(OTHER, VICTIM, "2")
    cache = SessionCache(KubeClient(KubeConfig(server="http://127.0.0.1:1")), "a", database)
    cache.stale = "the cluster is away"
    cache.put(other)
    if deleted:
        row = {"uid": VICTIM, "name": "victim", "created": TIMES[0], "deleted": True}
        row["object"] = orjson.dumps(victim).decode()
        await database.write(lambda c: c.execute(insert(sessions), [row]).rowcount)
    else:
        cache.put(victim)

    assert (await cache.find(VICTIM)).name == "victim"
    assert (await cache.find(OTHER)).name == VICTIM
