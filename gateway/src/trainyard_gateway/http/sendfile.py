"""The ASGI extension `http.response.pathsend`: files by sendfile, without copies in Python.

uvicorn does not offer it. SendfileMiddleware stands between uvicorn's protocol and the application.
A slow client does not occupy a thread: the event loop waits until the socket is writable. A thread
waits for a moment only if the client is a fast one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import socket
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from trainyard_gateway.http.held_head import HeadHolder
from trainyard_gateway.http.unread_answers import TAKEN

EXTENSION = "http.response.pathsend"
_TAKEN_SECONDS = 60.0
"""Seconds in which a client must take something of a file."""
_TURN_SECONDS = 0.05
"""Seconds after which a thread returns to the pool."""
_QUICK = 1024 * 1024
"""Bytes taken in one turn that mark a fast client. Waiting for it in the thread costs less than a
round through the event loop."""
_MOMENT_MS = 2
"""Milliseconds that a thread waits for a fast client."""


class SendfileMiddleware:
    """The application with the extension, on connections of `transport`."""

    def __init__(self, app: ASGIApp, transport: asyncio.Transport) -> None:
        self._app, self._transport = app, transport

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with the extension in its scope."""
        # The cycle of this request: the protocol's own may be a later one already.
        cycle: RequestResponseCycle = send.__self__  # type: ignore[attr-defined]  # a bound method
        holder = HeadHolder(cycle, send)

        async def answer(message: Message) -> None:
            # uvicorn waits for this too, but does not look again whether the client is still there.
            await cycle.flow.drain()
            if self._transport.is_closing():
                # uvicorn marks only the newest request of a closed connection.
                cycle.disconnected = True
            if message["type"] == EXTENSION:
                holder.flush()
                await self._body(cycle, message["path"])
            else:
                await holder.send(message)

        own = {EXTENSION: {}, TAKEN: cycle.flow.drain}
        scope["extensions"] = {**(scope.get("extensions") or {}), **own}
        await self._app(scope, receive, answer)

    async def _body(self, cycle: RequestResponseCycle, path: str) -> None:
        try:
            await self._head_is_out(cycle)
            await _send_file(self._transport, path, cycle.expected_content_length)
        except ConnectionError:
            # The client is gone; uvicorn learns it when the connection ends.
            cycle.disconnected = True
            self._transport.abort()
            return
        cycle.expected_content_length = 0
        await cycle.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _head_is_out(self, cycle: RequestResponseCycle) -> None:
        """Wait until the transport has sent its buffer. Raises ConnectionError."""
        self._require_reader()
        self._transport.set_write_buffer_limits(high=0)
        await cycle.flow.drain()
        self._require_reader()
        self._transport.set_write_buffer_limits()

    def _require_reader(self) -> None:
        if self._transport.is_closing():
            raise ConnectionAbortedError("the reader is gone")


async def _send_file(transport: asyncio.Transport, path: str, size: int) -> None:
    """Send `size` bytes of a file.

    Raises ConnectionError if the client leaves, OSError if the file cannot be read to `size`.
    """
    loop = asyncio.get_running_loop()
    # A duplicate: the transport may close its descriptor at any time, and the system reuse it.
    own = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
    file = -1
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        _cork(own, True)
        sent = 0
        while sent < size:
            await _writable(loop, own.fileno())
            piece = loop.run_in_executor(None, _push, own.fileno(), file, sent, size - sent)
            try:
                sent += await asyncio.shield(piece)
            finally:
                # If cancelled, the thread still uses what is closed below, for a moment at most.
                await asyncio.wait([piece])
    finally:
        _cork(own, False)
        own.close()
        if file >= 0:
            os.close(file)


def _cork(own: socket.socket, on: bool) -> None:
    """Let the system send full packets only; switching it off sends the rest."""
    if hasattr(socket, "TCP_CORK"):
        with contextlib.suppress(OSError):
            own.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, int(on))


async def _writable(loop: asyncio.AbstractEventLoop, target: int) -> None:
    ready = asyncio.Event()
    loop.add_writer(target, ready.set)
    try:
        async with asyncio.timeout(_TAKEN_SECONDS):
            await ready.wait()
    except TimeoutError as error:
        raise ConnectionAbortedError("the client takes nothing of the file") from error
    finally:
        loop.remove_writer(target)


def _push(target: int, file: int, offset: int, size: int) -> int:
    """Send until the socket is full or the turn is over. Returns the number of bytes."""
    sent, end = 0, time.monotonic() + _TURN_SECONDS
    room = select.poll()
    room.register(target, select.POLLOUT)
    while sent < size and time.monotonic() < end:
        try:
            count = os.sendfile(target, file, offset + sent, size - sent)
        except BlockingIOError:
            if sent < _QUICK or not room.poll(_MOMENT_MS):
                break
            continue
        if count == 0:
            raise OSError(f"a file ended {size - sent} bytes before its size")
        sent += count
    return sent


def offered(transport: Any) -> bool:
    """Whether sendfile can serve a connection: it cannot encrypt."""
    return (
        transport.get_extra_info("sslcontext") is None
        and transport.get_extra_info("socket") is not None
    )
