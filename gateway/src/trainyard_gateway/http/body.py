"""Reading a body whole, within bounds of bytes, of JSON values and of time.

JSON of few bytes can hold many values, and every one of them, and every error in one of them, takes
a hundred times its bytes in memory. So values are bounded before anything is parsed.
"""

from __future__ import annotations

import asyncio
import re

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from trainyard_gateway.errors import RequestTimeout, TooLarge
from trainyard_gateway.http.policy import BodyBound

BODY_SECONDS = 60.0
"""Seconds in which a body that is read whole must come."""
_UP_TO_COMMA = re.compile(rb'(?:[^",]|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+,', re.DOTALL)
"""What precedes a comma outside of strings, and the comma."""


async def read_body(receive: Receive, bound: BodyBound, seconds: float = BODY_SECONDS) -> bytes:
    """The whole body. Raises TooLarge, RequestTimeout and ClientDisconnect."""
    try:
        async with asyncio.timeout(seconds):
            body = await _whole(receive, bound)
    except TimeoutError as error:
        raise RequestTimeout(f"the body did not come within {seconds:g} seconds") from error
    if bound.most_values is not None and has_more_values(body, bound.most_values):
        raise TooLarge(
            f"at most {bound.most_values} JSON values are accepted here; send fewer at a time"
        )
    return body


async def _whole(receive: Receive, bound: BodyBound) -> bytes:
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        piece, more = message.get("body", b""), message.get("more_body", False)
        if bound.most_bytes is not None and len(body) + len(piece) > bound.most_bytes:
            raise TooLarge(f"at most {bound.most_bytes} bytes are accepted here")
        if not more and not body:
            return bytes(piece)
        body += piece
    return bytes(body)


def has_more_values(body: bytes, most: int) -> bool:
    """Whether JSON has more than `most` commas between values. Linear in the bytes.

    Text that is no JSON gets some answer; its parser refuses it.
    """
    if body.count(b",") <= most:
        return False
    position = 0
    for _ in range(most + 1):
        found = _UP_TO_COMMA.match(body, position)
        if found is None:
            return False
        position = found.end()
    return True
