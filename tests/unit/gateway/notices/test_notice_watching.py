"""What comes into the outbox of sessions that change: once, also beside a session with a broken status."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from away_database import AwayDatabase
from store_lab import opened

from trainyard_api import names, timestamps
from trainyard_api.limits.period import Span
from trainyard_api.limits.published import Subject, SubjectKind
from trainyard_api.rights.owner import Role, User
from trainyard_gateway.limits.limit import LimitSpec
from trainyard_gateway.limits.service import Spent
from trainyard_gateway.notices.receiver import NewReceiver, ReceiverChange
from trainyard_gateway.notices.receivers import Receivers, placed
from trainyard_gateway.notices.rules import BudgetRule, PhaseRule
from trainyard_gateway.notices.timing.delivery_times import DeliveryTimes
from trainyard_gateway.notices.watching import AT_ONCE, NoticeWatcher
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.store.outbox import notices, receivers
from trainyard_gateway.store.outbox.notices import Added, NoticeRow
from trainyard_gateway.store.outbox.receivers import ReceiverRow
from trainyard_gateway.store.store import Store
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


async def test_a_budget_gives_a_notice_once_in_a_period_that_is_longer_than_notices_are_kept(
    tmp_path: Path,
) -> None:
    async with opened(f"sqlite:///{tmp_path / 'outbox.db'}", None) as store:
        receivers = Receivers(store, True, ["127.0.0.1"])
        new = NewReceiver(name="r", url="http://127.0.0.1:1/", rules=[BudgetRule(on="budget")])
        await receivers.create("ada", new)
        (receiver,) = receivers.all()
        whose = Subject(SubjectKind.USER, "ada")
        spent = Spent(whose, LimitSpec(gpu_hours=0.0), 0.0, Span(0.0, math.inf))

        async def limits() -> list[Spent]:
            return [spent]

        days = iter(range(0, 400, 40))
        async with KubeClient(KubeConfig(server="http://127.0.0.1:1"), user_agent="t") as kube:
            cache, day = SessionCache(kube, "ns", store), [0]
            watcher = NoticeWatcher(
                cache, store, receivers, user_of, lambda: 1_800_000_000.0 + 86_400 * day[0]
            )
            watcher.limits = limits
            made = []
            for day[0] in days:
                await watcher._prepare()
                rows = await store.read(
                    lambda c: notices.page(c, [receiver.row.id], None, (2**62, ""), 10),
                    applied=False,
                )
                made.append([row.created for row in rows])
                for row in rows:
                    await store.write(lambda c, row=row: notices.claim(c, row, 0))
                    sent = row._replace(tries=row.tries + 1)
                    await store.write(
                        lambda c, row=sent: notices.mark(c, row, notices.DELIVERED, 0, "")
                    )
    assert made == [made[0]] * len(made)
    assert len(made[0]) == 1


class Watched:
    """A watcher of sessions of one user who has many receivers."""

    def __init__(self, store: Store, cache: SessionCache, count: int) -> None:
        self.database = AwayDatabase(store)
        self.calls = 0
        """How often a receiver was judged for a session."""
        self.receivers = Receivers(self.database, True, [])
        self.watcher = NoticeWatcher(cache, self.database, self.receivers, self._user)
        self._count = count

    def _user(self, name: str) -> User:
        self.calls += 1
        return user_of(name)

    async def add(self, rule: PhaseRule) -> None:
        rules = f"[{rule.model_dump_json(by_alias=True)}]"
        rows = [
            ReceiverRow(f"r{n}", "ada", f"r{n}", "https://x.example/", "s", "own", rules, 0)
            for n in range(self._count)
        ]
        await self.database.write(lambda c: [receivers.add_receiver(c, row) for row in rows])

    async def judged(self, calls: int) -> None:
        deadline = time.monotonic() + 60
        while self.calls < calls:
            assert time.monotonic() < deadline
            await asyncio.sleep(0)


@asynccontextmanager
async def watching(
    folder: Path, receivers: int, sessions: int, rule: PhaseRule
) -> AsyncIterator[Watched]:
    async with (
        opened(f"sqlite:///{folder / 'outbox.db'}", None) as store,
        KubeClient(KubeConfig(server="http://127.0.0.1:1"), user_agent="t") as kube,
    ):
        cache = SessionCache(kube, "ns", store)
        start = {"phase": "Running", "attemptStartTime": timestamps.now_text()}
        for n in range(sessions):
            cache.put(session(f"s{n}", "ada", **start))
        watched = Watched(store, cache, receivers)
        await watched.add(rule)
        task = asyncio.create_task(watched.watcher.run())
        cache.synced.set()
        try:
            yield watched
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def test_many_sessions_and_receivers_do_not_block_requests(tmp_path: Path) -> None:
    never = PhaseRule(on="phase", phases=["Failed"])
    async with watching(tmp_path, 40, 50, never) as watched:
        seen = [0]
        while watched.calls < 40 * 50:
            await asyncio.sleep(0)
            seen.append(watched.calls)
    assert max(after - before for before, after in pairwise(seen)) <= AT_ONCE


async def test_what_is_in_the_outbox_is_not_added_at_every_look(tmp_path: Path) -> None:
    runs = PhaseRule(on="phase", phases=["Running"])
    count, sessions = 400, 26
    async with watching(tmp_path, count, sessions, runs) as watched:
        await watched.judged(count * sessions)
        for look in (1, 2, 3):
            # The look before has ended when the one after it has begun.
            added = [r for r in watched.database.results if isinstance(r, Added)]
            for n in range(sessions):
                watched.watcher.notify(f"uid-s{n}")
            await watched.judged(count * sessions * (look + 1))
    assert sum(one.new for one in added) == count * sessions
    assert [r for r in watched.database.results if isinstance(r, Added)] == added


HOURLY = DeliveryTimes.model_validate({"digest": {"every": "hour"}})
TIMES = [
    pytest.param(HOURLY, "Held", id="hourly"),
    pytest.param(None, "Waiting", id="at-once-meanwhile"),
]


@pytest.mark.parametrize(("times_now", "state"), TIMES)
async def test_what_waits_waits_no_longer_than_what_comes_now(
    tmp_path: Path, times_now: DeliveryTimes | None, state: str
) -> None:
    """It came by a clock that was ahead, or by times of before in another gateway."""
    async with opened(f"sqlite:///{tmp_path / 'outbox.db'}", None) as store:
        receivers = Receivers(store, True, ["127.0.0.1"])
        rules = [PhaseRule(on="phase", phases=["Failed"])]
        new = NewReceiver(name="r", url="http://127.0.0.1:1/", rules=rules, times=HOURLY)
        await receivers.create("ada", new)
        [receiver] = receivers.all()
        now, day = 1_800_000_000, 86_400
        made = [now * 1_000_000, (now + day) * 1_000_000]
        rows = [
            placed(
                NoticeRow(f"n{n}", receiver.row.id, '{"type":"session.failure"}', at), receiver, at
            )
            for n, at in enumerate(made)
        ]
        await receivers.change("ada", "r", ReceiverChange(times=times_now))
        await store.write(lambda c: notices.add(c, rows, 9))
        async with KubeClient(KubeConfig(server="http://127.0.0.1:1"), user_agent="t") as kube:
            cache = SessionCache(kube, "ns", store)
            watcher = NoticeWatcher(cache, store, receivers, user_of, lambda: float(now))
            await watcher._prepare()
        found = await store.read(lambda c: notices.untried(c, receiver.row.id), applied=False)
    at = made[0] if times_now is None else rows[0].next_try
    assert [(row.state, row.next_try) for row in found] == [(state, at)] * 2
