"""An asynchronous connection to one gateway: sends a call, and again what may be repeated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator
from pathlib import Path
from typing import Any, TypeVar, cast

import httpx

from trainyard import errors, transfer, wire
from trainyard.calls import Call
from trainyard.errors import TrainyardError
from trainyard.models import Event
from trainyard.multipart import Request
from trainyard.retry import Retries, pause_before_retry
from trainyard.sse import Decoder, Frame
from trainyard.transfer import Download, Upload
from trainyard_api.model import OpenModel

T = TypeVar("T", bound=OpenModel)


class AsyncConnection:
    """Sends calls; what comes back is typed, or an error of `trainyard.errors`."""

    def __init__(
        self,
        url: str,
        key: str,
        timeout: httpx.Timeout,
        transport: httpx.AsyncBaseTransport | None,
        retries: Retries,
    ) -> None:
        self._retries = retries
        self._http = httpx.AsyncClient(
            base_url=wire.base(url), headers=wire.headers(key), timeout=timeout, transport=transport
        )

    @property
    def url(self) -> str:
        """Where the API is."""
        return str(self._http.base_url)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, call: Call[T]) -> T:
        """The answer of a call that has one."""
        return wire.present(await self.deliver(call))

    async def deliver(self, call: Call[T], step: Request | None = None) -> T | None:
        """The answer; None for a call without one."""
        attempt = 1
        while True:
            try:
                return wire.parse(call, await self._once(call, step))
            except TrainyardError as error:
                pause = pause_before_retry(error, attempt, call.repeatable, self._retries)
                if pause is None:
                    raise
            await asyncio.sleep(pause)
            attempt += 1

    async def follow(self, steps: Generator[Request, Any, T]) -> T:
        """Take each step; what comes back, an error too, decides on the next."""
        try:
            step = next(steps)
            while True:
                try:
                    answer = await self.deliver(step.call, step)
                except TrainyardError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(answer)
        except StopIteration as end:
            return cast(T, end.value)
        finally:
            steps.close()

    async def upload(self, call: Call[T], upload: Upload) -> T:
        """Send a file in one piece, once."""
        try:
            response = await self._http.request(
                call.method,
                call.path,
                params=dict(call.query),
                content=upload.async_chunks(),
                headers=upload.headers,
                timeout=transfer.TIMEOUT,
            )
        except httpx.HTTPError as error:
            raise wire.unreachable(self.url, error) from error
        return wire.present(wire.parse(call, response))

    async def events(self, call: Call[Event], last_id: str) -> AsyncIterator[Event]:
        """The events of a stream, over breaks, until the one that ends it."""
        decoder, attempt = Decoder(last_id), 1
        while True:
            try:
                async for frame in self._frames(call, decoder):
                    attempt = 1
                    yield (event := wire.event(frame))
                    if event.kind == "end":
                        return
            except TrainyardError as error:
                pause = pause_before_retry(error, attempt, call.repeatable, self._retries)
                if pause is None:
                    raise
                await asyncio.sleep(pause)
                attempt += 1
            decoder = Decoder(decoder.last_id)

    async def download(self, call: Call[Any], download: Download) -> Path:
        """A file with the right hash, over breaks."""
        attempt = 1
        while True:
            before = download.size
            try:
                if await self._download(call, download):
                    return download.finish()
                continue  # what lay here was of another file
            except TrainyardError as error:
                attempt = 1 if download.size > before else attempt
                pause = pause_before_retry(error, attempt, call.repeatable, self._retries)
                if pause is None:
                    raise
            await asyncio.sleep(pause)
            attempt += 1

    async def _frames(self, call: Call[Any], decoder: Decoder) -> AsyncIterator[Frame]:
        headers = {"Last-Event-ID": decoder.last_id} if decoder.last_id else {}
        try:
            async with self._http.stream(
                call.method, call.path, headers=headers, timeout=wire.STREAM_TIMEOUT
            ) as response:
                if not response.is_success:
                    await response.aread()
                wire.check(response)
                async for piece in response.aiter_bytes():
                    for frame in decoder.feed(piece):
                        yield frame
        except httpx.HTTPError as error:
            raise wire.unreachable(self.url, error) from error
        # A gateway that stops ends its streams; what follows is a new connection.
        raise errors.Unreachable("the gateway ended the stream of events")

    async def _download(self, call: Call[Any], download: Download) -> bool:
        """One request; whether the file is whole now."""
        try:
            async with self._http.stream(
                call.method, call.path, params=dict(call.query), headers=download.headers()
            ) as response:
                if not response.is_success:
                    await response.aread()
                    if download.starts_over(response):
                        return False
                wire.check(response)
                download.begin(response)
                async for chunk in response.aiter_bytes(transfer.CHUNK):
                    download.add(chunk)
        except httpx.HTTPError as error:
            raise wire.unreachable(self.url, error) from error
        return True

    async def _once(self, call: Call[Any], step: Request | None = None) -> httpx.Response:
        arguments = wire.request_arguments(call, step)
        if step is not None and step.piece is not None:
            arguments["content"] = step.piece.async_chunks()
        try:
            return await self._http.request(call.method, call.path, **arguments)
        except httpx.HTTPError as error:
            raise wire.unreachable(self.url, error) from error
