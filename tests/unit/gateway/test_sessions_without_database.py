"""The stream of all sessions while the database is away: rows show what the status says."""

from __future__ import annotations

import asyncio
from pathlib import Path

from away_database import AwayDatabase
from store_lab import opened

from trainyard_gateway.events.hub import Client, Hub
from trainyard_gateway.events.session_changes import SessionChanges
from trainyard_gateway.events.sessions_stream import SessionsFollower
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.sessions.reported.measured_cache import MeasuredCache
from trainyard_kube import KubeClient, KubeConfig

RUNNING = {
    "metadata": {"name": "digits", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"},
    "spec": {},
    "status": {"phase": "Running", "attempt": 1, "progress": {"attempt": 1, "step": 41}},
}


async def test_rows_come_from_the_status(tmp_path: Path) -> None:
    async with (
        opened(f"sqlite:///{tmp_path / 'a.db'}", None) as store,
        KubeClient(KubeConfig(server="http://127.0.0.1:1"), user_agent="t") as kube,
    ):
        database, hub = AwayDatabase(store), Hub()
        cache = SessionCache(kube, "ns", database)
        cache.put(RUNNING)
        database.away = True
        client = Client("key", "127.0.0.1", lambda: True)
        follower = SessionsFollower(
            SessionChanges(hub), cache, MeasuredCache(database), hub, client
        )
        sent = b""
        async with asyncio.timeout(10):
            async for piece in follower.follow(None):
                sent += piece
                if b"\n\n" in sent.partition(b"event: sessions")[2]:
                    break
    assert b'"step":41' in sent
    assert database.refused == 1
