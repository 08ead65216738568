"""Requests to the provider: bounded in bytes and seconds, and without redirects."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import aiohttp
import orjson

TOTAL_SECONDS: Final = 5.0
"""For a request with its answer."""
MOST_BYTES: Final = 262_144
"""Of an answer."""
_MOST_OF_WORDS: Final = 200


class ProviderDown(Exception):
    """The provider does not answer, or not as it should; later it may."""


class OddAnswer(ProviderDown):
    """An answer about one identity that cannot be used; others may have better ones."""


async def fetch(
    method: str,
    url: str,
    *,
    form: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, Any]]:
    """Status and JSON object of an answer; empty where it has none. Raises ProviderDown."""
    timeout = aiohttp.ClientTimeout(total=TOTAL_SECONDS)
    whole = {"Accept": "application/json", "User-Agent": "trainyard", **(headers or {})}
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.request(method, url, data=form, headers=whole, allow_redirects=False) as answer,
        ):
            body = await _body(answer)
            status = answer.status
    except TimeoutError:
        raise ProviderDown(f"no answer within {TOTAL_SECONDS:g} s") from None
    except (aiohttp.ClientError, OSError, ValueError, asyncio.IncompleteReadError) as error:
        raise ProviderDown(f"{type(error).__name__}: {error}"[:_MOST_OF_WORDS]) from None
    if status >= 500 or 300 <= status < 400:
        raise ProviderDown(f"it answers {status}")
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = None
    return status, found if isinstance(found, dict) else {}


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    body = b""
    async for piece in answer.content.iter_chunked(16_384):
        body += piece
        if len(body) > MOST_BYTES:
            raise OddAnswer(f"its answer has more than {MOST_BYTES} bytes")
    return body
