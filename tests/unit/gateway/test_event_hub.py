"""Event streams have shares by key and address, and read a change once for all."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

from trainyard_gateway.errors import Problem, TooManyRequests, Unavailable
from trainyard_gateway.events.hub import Client, Hub


def client(key: str = "a", address: str = "10.0.0.1", allowed: bool = True) -> Client:
    return Client(key, address, lambda: allowed)


@pytest.mark.parametrize(
    ("more", "refusal"),
    [
        (client(), TooManyRequests),
        (client(key="b"), TooManyRequests),
        (client(address="10.0.0.2"), TooManyRequests),
        (client("b", "10.0.0.2"), None),
    ],
    ids=["key and address", "the address", "the key", "another client"],
)
async def test_one_client_takes_no_more_than_its_share(
    more: Client, refusal: type[Problem] | None
) -> None:
    hub = Hub(most=5, most_of_key=2, most_of_address=2)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(hub.following("u", client()))
        try:
            hub.require_room(more)
            found = None
        except Problem as error:
            found = type(error)
        assert found is refusal
    hub.require_room(more)
    assert hub.followers == 0


async def test_all_together_are_bounded() -> None:
    hub = Hub(most=2)
    with ExitStack() as stack:
        for number in range(2):
            stack.enter_context(hub.following("u", client(f"k{number}", f"10.0.0.{number}")))
        with pytest.raises(Unavailable):
            hub.require_room(client("k9", "10.0.0.9"))


async def test_a_change_is_read_once_for_all_and_again_after_the_next() -> None:
    hub, reads = Hub(), 0

    async def read() -> int:
        nonlocal reads
        reads += 1
        await asyncio.sleep(0)
        return reads

    with hub.following("u", client()) as touched:
        first = await asyncio.gather(*(hub.shared("u", 7, read) for _ in range(300)))
        again = await hub.shared("u", 7, read)
        hub.notify("u")
        assert touched.is_set()
        changed = await hub.shared("u", 7, read)

    assert (set(first), again, changed) == ({1}, 1, 2)


async def test_a_failed_read_is_tried_again() -> None:
    hub = Hub()

    async def fail() -> int:
        raise OSError("no disk")

    async def read() -> int:
        return 1

    with hub.following("u", client()):
        with pytest.raises(OSError, match="no disk"):
            await hub.shared("u", 7, fail)
        assert await hub.shared("u", 7, read) == 1


async def test_only_streams_of_refused_keys_are_woken() -> None:
    hub = Hub()
    with (
        hub.following("u", client()) as kept,
        hub.following("u", client("b", allowed=False)) as refused,
    ):
        hub.wake_refused()

    assert (kept.is_set(), refused.is_set()) == (False, True)
