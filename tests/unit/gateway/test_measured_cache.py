"""What sessions reported last is read once, whoever asks, and never kept when it may be older."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection
from store_lab import batch

from trainyard_gateway.sessions.reported.measured_cache import FRESH_SECONDS, MeasuredCache
from trainyard_gateway.store.sqlite import SqliteStore

T = TypeVar("T")
BEAT = {"time": "2026-01-01T00:00:00Z", "totalSteps": 100, "stepsPerSecond": 1.0}


class CountingStore(SqliteStore):
    """Counts its readings, which return when they may."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.readings, self.has_read, self.let_go = 0, asyncio.Event(), asyncio.Event()
        self.error: Exception | None = None
        self.let_go.set()

    async def read(self, action: Callable[[Connection], T], applied: bool = True) -> T:
        found = await super().read(action, applied)
        if not applied:
            self.readings += 1
            self.has_read.set()
            await self.let_go.wait()
            if self.error is not None:
                raise self.error
        return found


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[CountingStore]:
    found = CountingStore(tmp_path / "db.sqlite3")
    await found.open()
    yield found
    await found.close()


async def report(store: CountingStore, uid: str, step: int) -> None:
    """Returns when what is reported can be read."""
    await store.ingest(batch(uid, step, {step: float(step)}, heartbeat={**BEAT, "step": step}))
    await store.read(lambda _: None)


def made(store: CountingStore, **more: object) -> MeasuredCache:
    cache = MeasuredCache(store, **more)  # type: ignore[arg-type]  # as its own parameters
    store.on_applied(cache.forget)
    return cache


async def steps(cache: MeasuredCache, *uids: str) -> dict[str, int]:
    return {uid: found.progress["step"] for uid, found in (await cache.read(uids)).items()}


async def test_many_who_ask_at_once_cost_one_reading(store: CountingStore) -> None:
    cache = made(store)
    for uid in ("a", "b"):
        await report(store, uid, 1)

    found = await asyncio.gather(*(steps(cache, "a", "b", "silent") for _ in range(50)))

    assert found == [{"a": 1, "b": 1}] * 50
    assert store.readings == 1


async def test_only_who_reported_or_changed_is_read_again(store: CountingStore) -> None:
    cache = made(store)
    for uid in ("a", "b"):
        await report(store, uid, 1)
    await steps(cache, "a", "b")
    await report(store, "a", 2)
    await report(store, "b", 2)
    await steps(cache, "b")

    assert await steps(cache, "a", "b") == {"a": 2, "b": 2}
    assert store.readings == 3
    cache.forget("a")
    await steps(cache, "a", "b")
    await steps(cache, "b", "a")
    assert store.readings == 4


async def test_what_is_reported_during_a_reading_is_read_again(store: CountingStore) -> None:
    cache = made(store)
    await report(store, "a", 1)
    store.let_go.clear()
    reading = asyncio.create_task(steps(cache, "a"))
    await store.has_read.wait()
    await report(store, "a", 2)
    store.let_go.set()

    assert await reading == {"a": 1}
    assert await steps(cache, "a") == {"a": 2}


async def test_a_reading_that_is_given_up_holds_up_no_other(store: CountingStore) -> None:
    cache = made(store)
    await report(store, "a", 1)
    store.let_go.clear()
    reading = asyncio.create_task(steps(cache, "a"))
    await store.has_read.wait()
    reading.cancel()
    store.let_go.set()

    assert await steps(cache, "a") == {"a": 1}


async def test_who_waited_for_a_reading_that_fails_does_not_wait_again(
    store: CountingStore,
) -> None:
    cache = made(store)
    await report(store, "a", 1)
    store.let_go.clear()
    readings = [asyncio.create_task(steps(cache, "a")) for _ in range(5)]
    await store.has_read.wait()
    store.error = ConnectionError("it is away")
    store.let_go.set()

    found = await asyncio.gather(*readings, return_exceptions=True)
    store.error = None

    assert found == [found[0]] * 5
    assert isinstance(found[0], ConnectionError)
    assert store.readings == 1
    assert await steps(cache, "a") == {"a": 1}


async def test_sessions_that_nobody_looks_at_take_no_memory(store: CountingStore) -> None:
    cache = made(store)
    uids = [str(number) for number in range(20_000)]
    tracemalloc.start()
    for uid in uids:
        cache.forget(uid)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert used < 100_000


async def test_the_least_recently_read_is_dropped(store: CountingStore) -> None:
    cache = made(store, most=2)
    for uid in ("a", "b", "c"):
        await report(store, uid, 1)
    for uid in ("a", "b", "a", "c", "a", "b"):
        await steps(cache, uid)

    assert store.readings == 4


class Shared(CountingStore):
    """Other gateways write to it, too."""

    exclusive = False


async def test_beside_other_gateways_values_are_kept_for_a_moment_only(tmp_path: Path) -> None:
    store, now = Shared(tmp_path / "db.sqlite3"), [0.0]
    await store.open()
    cache = made(store, clock=lambda: now[0])
    await report(store, "a", 1)
    for _ in range(3):
        await steps(cache, "a")
    assert store.readings == 1
    now[0] = FRESH_SECONDS
    await steps(cache, "a")
    assert store.readings == 2
    await store.close()
