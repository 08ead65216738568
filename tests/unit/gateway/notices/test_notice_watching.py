"""What comes into the outbox of sessions that change: once, also beside a session with a broken status."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Any

from store_lab import opened

from trainyard_api import names, timestamps
from trainyard_api.rights.owner import Role, User
from trainyard_gateway.notices.receivers import NewReceiver, Receivers
from trainyard_gateway.notices.rules import PhaseRule
from trainyard_gateway.notices.watching import NoticeWatcher
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.store.outbox import notices
from trainyard_kube import KubeClient, KubeConfig


def session(name: str, user: str, **status: Any) -> dict[str, Any]:
    now = timestamps.now_text()
    metadata = {"name": name, "uid": f"uid-{name}", "creationTimestamp": now}
    whole = {"phase": "Failed", "attempt": 1, "completionTime": now, **status}
    labels = {"labels": {names.LABEL_USER: user}}
    return {"metadata": {**metadata, **labels}, "spec": {}, "status": whole}


def user_of(name: str) -> User:
    return User(name, None if name == "removed" else Role.MEMBER)


async def test_each_event_is_in_the_outbox_once(tmp_path: Path) -> None:
    async with opened(f"sqlite:///{tmp_path / 'outbox.db'}", None) as store:
        receivers = Receivers(store, True, ["127.0.0.1"])
        rules = [PhaseRule(on="phase", phases=["Failed"])]
        for user in ("ada", "removed"):
            new = NewReceiver(name="r", url="http://127.0.0.1:1/", rules=rules)
            await receivers.create(user, new)
        async with KubeClient(KubeConfig(server="http://127.0.0.1:1"), user_agent="t") as kube:
            cache = SessionCache(kube, "ns", store)
            broken = session("broken", "ada", conditions=7, attempt="seven")
            bodies = [broken, session("a", "ada"), session("b", "bob"), session("c", "removed")]
            for body in bodies:
                cache.put(body)
            cache.synced.set()
            watcher = NoticeWatcher(cache, store, receivers, user_of)
            task = asyncio.create_task(watcher.run())
            for _ in range(2):
                for body in bodies:
                    watcher.notify(body["metadata"]["uid"])
                await asyncio.sleep(0)
            rows: list[notices.NoticeRow] = []
            deadline = time.monotonic() + 20
            known = [r.row.id for r in receivers.all()]
            while not rows and time.monotonic() < deadline:
                rows = await store.read(
                    lambda c: notices.page(c, known, None, (2**62, ""), 10), applied=False
                )
                await asyncio.sleep(0.05)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    assert len(rows) == 1
    assert '"session":"a"' in rows[0].body
