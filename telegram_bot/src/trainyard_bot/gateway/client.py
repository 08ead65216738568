"""The gateway over HTTP by the public client; every failure becomes a `GatewayError`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

import httpx

from trainyard import AsyncClient
from trainyard.models import Model, Session
from trainyard_bot.gateway.deadline import TracingTransport, deadline
from trainyard_bot.gateway.errors import GatewayError, Problem, ProblemKind

T = TypeVar("T")

PAGE_SIZE: Final = 1000
"""Sessions in one answer, the gateway's maximum."""

HISTORY_CHECKED: Final = 200
"""Newest sessions that the cluster no longer has: their ends may not have been announced yet."""

DOWNLOAD_SECONDS: Final = 120.0
"""Largest time for a whole file once its first bytes are there."""


class GatewayClient:
    """Calls of the gateway, each with a deadline. Every method raises `GatewayError` only."""

    def __init__(self, api: AsyncClient, seconds: float) -> None:
        """`api` must send through `TracingTransport`; a call may take `seconds` with all tries."""
        self._api = api
        self._seconds = seconds

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def read(self, call: Callable[[AsyncClient], Awaitable[T]]) -> T:
        """The answer of a call that changes nothing: `read(lambda api: api.status(name))`."""
        async with deadline(self._seconds):
            return await call(self._api)

    async def write(self, call: Callable[[AsyncClient], Awaitable[T]]) -> T:
        """The answer of a call that changes something; without an answer its outcome is unknown."""
        async with deadline(self._seconds, writes=True):
            return await call(self._api)

    async def sessions(self, wanted: Callable[[Session], bool]) -> list[Session]:
        """The sessions of the cluster that are `wanted`, newest first.

        Others are dropped page by page, so that memory does not grow with sessions that ended long
        ago. The deadline holds for each page.
        """
        found: list[Session] = []
        cursor: str | None = None
        while True:
            async with deadline(self._seconds):
                page = await self._api.sessions(limit=PAGE_SIZE, cursor=cursor)
            found += filter(wanted, page.sessions)
            cursor = page.cursor
            if cursor is None:
                return found

    async def notifiable_sessions(self, wanted: Callable[[Session], bool]) -> list[Session]:
        """The `wanted` sessions of the cluster, and of the newest that left it those that ended."""
        present = await self.sessions(wanted)
        history = await self.read(lambda api: api.sessions(history=True, limit=HISTORY_CHECKED))
        uids = {session.uid for session in present}
        left = (one for one in history.sessions if one.uid not in uids and one.finished)
        return [*present, *filter(wanted, left)]

    async def model_versions(self, name: str) -> list[Model]:
        """The versions of a model, newest first; at least one."""
        versions = (await self.read(lambda api: api.versions(name))).models
        if not versions:
            raise GatewayError(Problem(ProblemKind.NOT_FOUND, f"there is no model {name!r}"))
        return sorted(versions, key=lambda model: model.version, reverse=True)

    async def download_model(self, name: str, folder: Path) -> Path:
        """Download the newest version of a model into `folder`."""
        async with deadline(self._seconds) as timeout:
            end = asyncio.get_running_loop().time() + DOWNLOAD_SECONDS

            def keep_open(_: int, __: int | None) -> None:
                timeout.reschedule(end)

            return await self._api.download_model(
                name, folder / "model.safetensors", progress=keep_open
            )


def connect(url: str, key: str, seconds: float) -> GatewayClient:
    """A client of the gateway at `url`. Nothing is sent yet; a call may take `seconds`."""
    # The HTTP time-out lies above the deadline, so that the deadline decides.
    timeout = httpx.Timeout(seconds + 1)
    transport = TracingTransport(httpx.AsyncHTTPTransport())
    return GatewayClient(AsyncClient(url, key, timeout=timeout, transport=transport), seconds)
