"""An asynchronous connection to one gateway: sends calls, and retries what may be repeated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator
from pathlib import Path
from typing import Any, TypeVar, cast

import httpx

from trainyard import errors, transfer, wire
from trainyard.calls import Call
from trainyard.concurrency import async_sleep
from trainyard.errors import TrainyardError
from trainyard.models import Event, Page
from trainyard.multipart import Request
from trainyard.retry import Retries, pause_before_retry
from trainyard.sse import Decoder, Frame
from trainyard.transfer import Download, Upload
from trainyard_api.model import OpenModel

T = TypeVar("T", bound=OpenModel)
P = TypeVar("P", bound=Page)
OnResponse = Callable[[httpx.Response], None]
MOST_PAGES = 64
"""Pages of a list that one call reads, of 4 MiB each."""


class AsyncConnection:
    """Sends calls; returns typed responses or raises the errors of `trainyard.errors`."""

    def __init__(
        self,
        url: str,
        key: str,
        timeout: httpx.Timeout,
        transport: httpx.AsyncBaseTransport | None,
        retries: Retries,
        on_response: OnResponse | None,
    ) -> None:
        async def hook(response: httpx.Response) -> None:
            if on_response is not None:
                on_response(response)

        self._retries = retries
        self._http = httpx.AsyncClient(
            base_url=wire.base(url),
            headers=wire.headers(key),
            timeout=timeout,
            transport=transport,
            event_hooks={"response": [hook]},
        )

    @property
    def url(self) -> str:
        """URL of the API, with `/api/v1`."""
        return str(self._http.base_url)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, call: Call[T]) -> T:
        """The response of a call that has one."""
        return wire.present(await self.deliver(call))

    async def send_pages(self, call: Call[P], rows: str, cursor: str | None) -> P:
        """The pages of a list after `cursor` as one: `rows` is the field of its rows.

        At most MOST_PAGES; the cursor of the result is that of the last one.
        """
        page = await self.send(call.after(cursor))
        for _ in range(MOST_PAGES - 1):
            if page.cursor is None:
                break
            more = await self.send(call.after(page.cursor))
            joined = [*getattr(page, rows), *getattr(more, rows)]
            page = more.model_copy(update={rows: joined})
        return page

    async def deliver(self, call: Call[T], request: Request | None = None) -> T | None:
        """The response; None for a call without one. `request` adds the body of a part."""
        attempt = 1
        while True:
            try:
                return wire.parse(call, await self._once(call, request))
            except TrainyardError as error:
                pause = self._pause(error, attempt, call)
            await async_sleep(pause)
            attempt += 1

    async def follow(self, requests: Generator[Request, Any, T]) -> T:
        """Send each request of the generator, and give it the response or the error."""
        try:
            request = next(requests)
            while True:
                try:
                    response = await self.deliver(request.call, request)
                except TrainyardError as error:
                    request = requests.throw(error)
                else:
                    request = requests.send(response)
        except StopIteration as end:
            return cast(T, end.value)
        finally:
            requests.close()

    async def upload(self, call: Call[T], upload: Upload) -> T:
        """Send a whole file as one body, once: it is not repeated."""
        arguments = {
            "content": upload.async_chunks(),
            "headers": upload.headers,
            "timeout": transfer.TIMEOUT,
        }
        return wire.present(wire.parse(call, await self._exchange(call, arguments)))

    async def events(self, call: Call[Event], last_id: str) -> AsyncIterator[Event]:
        """The events of a stream up to its `end`; a stream that breaks off is continued."""
        decoder, attempt = Decoder(last_id), 1
        while True:
            try:
                async for frame in self._frames(call, decoder):
                    attempt = 1
                    yield (event := wire.event(frame))
                    if event.kind == "end":
                        return
            except TrainyardError as error:
                pause = self._pause(error, attempt, call)
            await async_sleep(pause)
            attempt += 1
            decoder = Decoder(decoder.last_id)

    async def download(self, call: Call[Any], download: Download) -> Path:
        """The file, with the right hash; a download that breaks off is continued."""
        attempt = 1
        while True:
            before = download.size
            try:
                if await self._download(call, download):
                    return download.finish()
                continue  # what was on disk belonged to another file
            except TrainyardError as error:
                attempt = 1 if download.size > before else attempt
                pause = self._pause(error, attempt, call)
            await async_sleep(pause)
            attempt += 1

    async def receive(self, call: Call[Any], take: Callable[[bytes], None]) -> None:
        """Give the body of a response to `take`, piece by piece, once: it is not repeated."""
        try:
            async with self._http.stream(
                call.method, wire.target(call), timeout=transfer.TIMEOUT
            ) as response:
                if not response.is_success:
                    wire.check(await self._whole(response))
                async for piece in response.aiter_bytes(transfer.CHUNK):
                    take(piece)
        except httpx.HTTPError as error:
            raise wire.unreachable(self.url, error) from error

    def _pause(self, error: TrainyardError, attempt: int, call: Call[Any]) -> float:
        """Seconds until the next attempt. Raises the error itself when there is none."""
        pause = pause_before_retry(error, attempt, call.repeatable, self._retries)
        if pause is None:
            raise error
        return pause

    async def _frames(self, call: Call[Any], decoder: Decoder) -> AsyncIterator[Frame]:
        headers = {"Last-Event-ID": decoder.last_id} if decoder.last_id else {}
        try:
            async with self._http.stream(
                call.method, call.path, headers=headers, timeout=wire.STREAM_TIMEOUT
            ) as response:
                if not response.is_success:
                    wire.check(await self._whole(response))
                async for piece in response.aiter_bytes():
                    for frame in decoder.feed(piece):
                        yield frame
        except httpx.HTTPError as error:
            raise wire.unreachable(self.url, error) from error
        # A gateway that shuts down ends its streams; the next one continues there.
        raise errors.Unreachable("the gateway ended the stream of events")

    async def _download(self, call: Call[Any], download: Download) -> bool:
        """Send one request; False if the download has to start over."""
        try:
            async with self._http.stream(
                call.method, wire.target(call), headers=download.headers()
            ) as response:
                if not response.is_success:
                    refusal = await self._whole(response)
                    if download.starts_over(refusal):
                        return False
                    wire.check(refusal)
                download.begin(response)
                async for chunk in response.aiter_bytes(transfer.CHUNK):
                    download.add(chunk)
        except httpx.HTTPError as error:
            raise wire.unreachable(self.url, error) from error
        return True

    async def _once(self, call: Call[Any], request: Request | None = None) -> httpx.Response:
        arguments = wire.request_arguments(call, request)
        if request is not None and request.part is not None:
            arguments["content"] = request.part.async_chunks()
        return await self._exchange(call, arguments)

    async def _exchange(self, call: Call[Any], arguments: dict[str, Any]) -> httpx.Response:
        try:
            async with self._http.stream(call.method, wire.target(call), **arguments) as response:
                return await self._whole(response)
        except httpx.HTTPError as error:
            raise wire.unreachable(self.url, error) from error

    async def _whole(self, response: httpx.Response) -> httpx.Response:
        """The response with its body. Raises BadAnswer for a body that is too large."""
        body = bytearray()
        async for piece in response.aiter_bytes():
            body += piece
            wire.check_size(len(body))
        return wire.with_body(response, bytes(body))
