"""Sends the head of an answer together with its body.

uvicorn writes them one after the other: two system calls, and a client that reads the head wakes
once more for the body. Nearly all answers follow their head at once.
"""

from __future__ import annotations

import asyncio

from starlette.types import Message, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class HeldHead:
    """The transport of one answer: what is written first waits for what follows in this round of
    the event loop."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""

    def write(self, data: bytes) -> None:
        """Hold the first bytes; send them before the next ones."""
        if self._head:
            head, self._head = self._head, b""
            self._transport.writelines([head, data] if data else [head])
        else:
            self._head = data

    def flush(self) -> None:
        """Send what is held."""
        if self._head and not self._transport.is_closing():
            self._transport.write(self._head)
        self._head = b""

    def close(self) -> None:
        """Close the connection behind what is held."""
        self.flush()
        self._transport.close()


class HeadHolder:
    """Passes the messages of one answer on to its cycle."""

    def __init__(self, cycle: RequestResponseCycle, send: Send) -> None:
        self._cycle, self._send = cycle, send
        self._transport = cycle.transport
        self._held: HeldHead | None = None

    async def send(self, message: Message) -> None:
        """Pass a message on, the head with what follows it."""
        if message["type"] == "http.response.start" and self._held is None:
            self._held = HeldHead(self._transport)
            await self._through(self._held, message)
            asyncio.get_running_loop().call_soon(self._held.flush)
        elif self._held is not None:
            await self._through(self._held, message)
            self.flush()
        else:
            await self._send(message)

    def flush(self) -> None:
        """Send a head that is held; nothing is held after it."""
        if self._held is not None:
            self._held.flush()
            self._held = None

    async def _through(self, held: HeldHead, message: Message) -> None:
        self._cycle.transport = held  # type: ignore[assignment]  # it uses no more of a transport
        try:
            await self._send(message)
        finally:
            self._cycle.transport = self._transport
