"""One try to deliver a notice: a signed POST to the receiver."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from trainyard_api.visible_text import visible
from trainyard_gateway.notices import address
from trainyard_gateway.notices.address import Address, RefusedAddress

TOTAL_SECONDS: Final = 15.0
"""For one try, from the connection to the head of the answer."""
_GONE: Final = 410
_MOST_OF_WORDS: Final = 300


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a try."""

    delivered: bool
    words: str = ""
    """Why it was not delivered."""
    final: bool = False
    """Whether another try is of no use."""
    retry_after: float | None = None
    """Seconds that the receiver asks for."""


DELIVERED: Final = Outcome(True)


class _Checked(AbstractResolver):
    """Knows the addresses that were checked, and no others."""

    def __init__(self, addresses: list[Address]) -> None:
        self._addresses = addresses

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002  aiohttp's signature
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=str(known),
                port=port,
                family=socket.AF_INET if known.version == 4 else socket.AF_INET6,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for known in self._addresses
        ]

    async def close(self) -> None:
        return


async def send(
    url: URL,
    body: bytes,
    headers: dict[str, str],
    internal: Collection[str],
    seconds: float = TOTAL_SECONDS,
) -> Outcome:
    """Send a message, and wait for the answer for so many seconds. No redirect is followed."""
    try:
        addresses = await address.resolve(url, internal)
        connector = aiohttp.TCPConnector(
            resolver=_Checked(addresses), use_dns_cache=False, force_close=True
        )
        timeout = aiohttp.ClientTimeout(total=seconds)
        whole = {"Content-Type": "application/json", "User-Agent": "trainyard", **headers}
        async with (
            aiohttp.ClientSession(
                connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
            ) as session,
            session.post(url, data=body, headers=whole, allow_redirects=False) as answer,
        ):
            return outcome(answer.status, answer.headers.get("Retry-After"))
    except RefusedAddress as error:
        return Outcome(False, str(error)[:_MOST_OF_WORDS])
    except TimeoutError:
        return Outcome(False, f"no answer within {seconds:g} s")
    except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as error:
        said = visible(f"{type(error).__name__}: {error}")
        return Outcome(False, said[:_MOST_OF_WORDS])


def outcome(status: int, retry_after: str | None = None) -> Outcome:
    """What an answer means. Pure."""
    if 200 <= status < 300:
        return DELIVERED
    asked = retry_after or ""
    seconds = float(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 9 else None
    if 300 <= status < 400:
        return Outcome(False, f"answered {status}: redirects are not followed")
    return Outcome(False, f"answered {status}", final=status == _GONE, retry_after=seconds)
