"""The OpenAPI description is made once, while others are served."""

from __future__ import annotations

import asyncio

import orjson

from trainyard_gateway.app import described
from trainyard_gateway.http.openapi.document import document, text_of


async def test_others_are_served_while_the_description_is_made() -> None:
    app = described()
    asked = [asyncio.create_task(text_of(app)) for _ in range(20)]
    turns = 0
    while not asked[0].done():
        await asyncio.sleep(0)
        turns += 1

    texts = await asyncio.gather(*asked)

    assert turns > 3
    assert all(text is texts[0] for text in texts)
    assert orjson.loads(texts[0]) == document(app)


async def test_a_caller_that_goes_away_ends_the_making_for_no_other() -> None:
    app = described()
    first, second = (asyncio.create_task(text_of(app)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()

    assert (await second).startswith(b"{")
