"""The gateway holds no more than a share of answers that the owner of a key does not take."""

from __future__ import annotations

import asyncio

import pytest

from trainyard_gateway.errors import TooManyRequests
from trainyard_gateway.http.unread_answers import SMALL_BYTES, TAKEN, UnreadAnswers


async def test_a_key_that_reads_nothing_gets_nothing_more_until_it_reads() -> None:
    unread, taken = UnreadAnswers(most=3 * SMALL_BYTES), asyncio.Event()
    scope = {"extensions": {TAKEN: taken.wait}}
    answers = [
        asyncio.ensure_future(unread.until_taken(scope, "a", 2 * SMALL_BYTES)) for _ in range(2)
    ]
    await asyncio.sleep(0)

    with pytest.raises(TooManyRequests, match="wait to be read"):
        unread.require_room("a")
    unread.require_room("b")
    taken.set()
    await asyncio.gather(*answers)
    unread.require_room("a")


@pytest.mark.parametrize(
    ("scope", "size"),
    [({}, 1 << 30), ({"extensions": {TAKEN: asyncio.Event().wait}}, SMALL_BYTES)],
    ids=["a connection without buffer", "a small answer"],
)
async def test_what_is_no_burden_is_not_waited_for(scope: dict[str, object], size: int) -> None:
    unread = UnreadAnswers(most=1)
    async with asyncio.timeout(5):
        await unread.until_taken(scope, "a", size)
    assert unread.total == 0
