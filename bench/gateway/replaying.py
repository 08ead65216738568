"""A server that does nothing, as a program: what MLflow's clients get from it is bound by the clients alone.

Values that are logged are answered with `{}` at once and forgotten. What is read is asked of another server the first time, and
answered from memory from then on. It is given its own port and the other server's address.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Final

import httptools
import uvloop
from wire import Wire, request

WRITES: Final = (b"/runs/log-metric", b"/runs/log-batch")
Asked = tuple[bytes, bytes, bytes]
"""Method, target and body."""


class Replay(asyncio.Protocol):
    """One connection of a client."""

    answers: dict[Asked, bytes]
    upstream: str

    def __init__(self, upstream: str, answers: dict[Asked, bytes]) -> None:
        self.upstream, self.answers = upstream, answers
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._target, self._body, self._token = b"", b"", None
        self._asking = set[asyncio.Task[None]]()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # a connection is written to
        """Called by asyncio."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        """Called by the parser."""
        self._target, self._body = url, b""

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        if name.lower() == b"authorization":
            self._token = value.decode().removeprefix("Bearer ")

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        self._body += body

    def on_message_complete(self) -> None:
        """Called by the parser."""
        asked = self._parser.get_method(), self._target, self._body
        known = b"{}" if self._target.endswith(WRITES) else self.answers.get(asked)
        if known is None:
            task = asyncio.get_running_loop().create_task(self._ask(asked))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
        else:
            self._write(known)

    async def _ask(self, asked: Asked) -> None:
        method, target, body = asked
        wire = await Wire.to(self.upstream)
        whole = request(method.decode(), self.upstream, target.decode(), body, self._token)
        status, answer = await wire.ask(whole)
        wire.close()
        if status != 200:
            raise SystemExit(f"{self.upstream} answered {status}: {answer.decode()[:500]}")
        self.answers[asked] = answer
        self._write(answer)

    def _write(self, body: bytes) -> None:
        assert self._transport is not None
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        self._transport.write(head % len(body) + body)


async def serve(port: int, upstream: str) -> None:
    """Answer until the process ends."""
    answers: dict[Asked, bytes] = {}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Replay(upstream, answers), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2]))
