"""Requests of a key take slots, so that a crowd of them makes no round of the event loop long."""

from __future__ import annotations

import asyncio

import pytest

from trainyard_gateway.request_slots import RequestSlots


async def crowd(
    slots: RequestSlots, key: str, size: int, done: list[str]
) -> list[asyncio.Task[None]]:
    async def request(number: int) -> None:
        async with slots.taking(key):
            done.append(f"{key}{number}")

    return [asyncio.ensure_future(request(n)) for n in range(size)]


async def test_requests_that_wait_for_nothing_are_spread_over_rounds() -> None:
    slots, done, rounds = RequestSlots(most=4), list[str](), list[int]()
    tasks = await crowd(slots, "a", 100, done)
    while len(done) < 100:
        rounds.append(len(done))
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)

    steps = [after - before for before, after in zip(rounds, [*rounds[1:], 100], strict=True)]
    assert max(steps) <= 4
    assert done == [f"a{n}" for n in range(100)]


async def test_another_key_waits_for_none_of_them() -> None:
    slots, done = RequestSlots(most=4), list[str]()
    tasks = await crowd(slots, "a", 100, done)
    await asyncio.sleep(0)
    async with slots.taking("b"):
        assert len(done) <= 8
    await asyncio.gather(*tasks)


async def test_a_request_that_waits_itself_holds_up_the_others_for_a_moment_only() -> None:
    slots = RequestSlots(most=2, seconds=0.01)
    slow = [await slots.begin("a") for _ in range(2)]
    async with asyncio.timeout(5):
        other = await slots.begin("a")
    for slot in (*slow, other, other):
        slot.end()
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        later = [await slots.begin("a") for _ in range(2)]
    assert not any(slot.over for slot in later)


async def test_a_request_that_is_given_up_keeps_no_turn() -> None:
    slots = RequestSlots(most=1, seconds=60)
    first = await slots.begin("a")
    given_up = asyncio.ensure_future(slots.begin("a"))
    await asyncio.sleep(0)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    first.end()
    async with asyncio.timeout(5):
        (await slots.begin("a")).end()
