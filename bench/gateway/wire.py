"""One connection that asks and waits for the answer: as little as possible, since it shares the machine with what it measures."""

from __future__ import annotations

import asyncio
from typing import Self
from urllib.parse import urlsplit

import httptools


class Wire(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._body = b""

    @classmethod
    async def to(cls, url: str) -> Self:
        """Connected to the server of a URL."""
        parts = urlsplit(url)
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(cls, parts.hostname, parts.port)
        return wire

    def ask(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """Send a whole request; status and body of its answer."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # a connection is written to
        """Called by asyncio."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        self._body += body

    def on_message_complete(self) -> None:
        """Called by the parser."""
        status, body = self._parser.get_status_code(), self._body
        self._parser, self._body = httptools.HttpResponseParser(self), b""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((status, body))

    def connection_lost(self, error: Exception | None) -> None:
        """Called by asyncio."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionError("the server hung up"))


def post(url: str, body: bytes, token: str | None = None) -> bytes:
    """A whole request with JSON."""
    return request("POST", url, urlsplit(url).path, body, token)


def request(method: str, url: str, target: str, body: bytes, token: str | None = None) -> bytes:
    """A whole request for a target of the server that a URL names."""
    lines = [
        f"{method} {target} HTTP/1.1",
        f"Host: {urlsplit(url).netloc}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *([f"Authorization: Bearer {token}"] if token else []),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
