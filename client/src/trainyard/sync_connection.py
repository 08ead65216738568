"""A blocking connection to one gateway: sends a call, and again what may be repeated."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
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
OnResponse = Callable[[httpx.Response], None]


class Connection:
    """Sends calls; what comes back is typed, or an error of `trainyard.errors`."""

    def __init__(
        self,
        url: str,
        key: str,
        timeout: httpx.Timeout,
        transport: httpx.BaseTransport | None,
        retries: Retries,
        on_response: OnResponse | None,
    ) -> None:
        self._retries = retries
        self._http = httpx.Client(
            base_url=wire.base(url),
            headers=wire.headers(key),
            timeout=timeout,
            transport=transport,
            event_hooks={"response": [on_response] if on_response else []},
        )

    @property
    def url(self) -> str:
        """Where the API is."""
        return str(self._http.base_url)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, call: Call[T]) -> T:
        """The answer of a call that has one."""
        return wire.present(self.deliver(call))

    def deliver(self, call: Call[T], step: Request | None = None) -> T | None:
        """The answer; None for a call without one."""
        attempt = 1
        while True:
            try:
                return wire.parse(call, self._once(call, step))
            except TrainyardError as error:
                pause = pause_before_retry(error, attempt, call.repeatable, self._retries)
                if pause is None:
                    raise
            time.sleep(pause)
            attempt += 1

    def follow(self, steps: Generator[Request, Any, T]) -> T:
        """Take each step; what comes back, an error too, decides on the next."""
        try:
            step = next(steps)
            while True:
                try:
                    answer = self.deliver(step.call, step)
                except TrainyardError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(answer)
        except StopIteration as end:
            return cast(T, end.value)
        finally:
            steps.close()

    def upload(self, call: Call[T], upload: Upload) -> T:
        """Send a file in one piece, once."""
        try:
            response = self._http.request(
                call.method,
                call.path,
                params=dict(call.query),
                content=upload.chunks(),
                headers=upload.headers,
                timeout=transfer.TIMEOUT,
            )
        except httpx.HTTPError as error:
            raise wire.unreachable(self.url, error) from error
        return wire.present(wire.parse(call, response))

    def events(self, call: Call[Event], last_id: str) -> Iterator[Event]:
        """The events of a stream, over breaks, until the one that ends it."""
        decoder, attempt = Decoder(last_id), 1
        while True:
            try:
                for frame in self._frames(call, decoder):
                    attempt = 1
                    yield (event := wire.event(frame))
                    if event.kind == "end":
                        return
            except TrainyardError as error:
                pause = pause_before_retry(error, attempt, call.repeatable, self._retries)
                if pause is None:
                    raise
                time.sleep(pause)
                attempt += 1
            decoder = Decoder(decoder.last_id)

    def download(self, call: Call[Any], download: Download) -> Path:
        """A file with the right hash, over breaks."""
        attempt = 1
        while True:
            before = download.size
            try:
                if self._download(call, download):
                    return download.finish()
                continue  # what lay here was of another file
            except TrainyardError as error:
                attempt = 1 if download.size > before else attempt
                pause = pause_before_retry(error, attempt, call.repeatable, self._retries)
                if pause is None:
                    raise
            time.sleep(pause)
            attempt += 1

    def _frames(self, call: Call[Any], decoder: Decoder) -> Iterator[Frame]:
        headers = {"Last-Event-ID": decoder.last_id} if decoder.last_id else {}
        try:
            with self._http.stream(
                call.method, call.path, headers=headers, timeout=wire.STREAM_TIMEOUT
            ) as response:
                if not response.is_success:
                    response.read()
                wire.check(response)
                for piece in response.iter_bytes():
                    yield from decoder.feed(piece)
        except httpx.HTTPError as error:
            raise wire.unreachable(self.url, error) from error
        # A gateway that stops ends its streams; what follows is a new connection.
        raise errors.Unreachable("the gateway ended the stream of events")

    def _download(self, call: Call[Any], download: Download) -> bool:
        """One request; whether the file is whole now."""
        try:
            with self._http.stream(
                call.method, call.path, params=dict(call.query), headers=download.headers()
            ) as response:
                if not response.is_success:
                    response.read()
                    if download.starts_over(response):
                        return False
                wire.check(response)
                download.begin(response)
                for chunk in response.iter_bytes(transfer.CHUNK):
                    download.add(chunk)
        except httpx.HTTPError as error:
            raise wire.unreachable(self.url, error) from error
        return True

    def _once(self, call: Call[Any], step: Request | None = None) -> httpx.Response:
        arguments = wire.request_arguments(call, step)
        if step is not None and step.piece is not None:
            arguments["content"] = step.piece.chunks()
        try:
            return self._http.request(call.method, call.path, **arguments)
        except httpx.HTTPError as error:
            raise wire.unreachable(self.url, error) from error
