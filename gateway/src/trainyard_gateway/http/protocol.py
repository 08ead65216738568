"""HTTP/1.1 as uvicorn's fast parser reads it, with a bound on what comes before a body (nobody has shown a key by then), and files by
sendfile."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from trainyard_gateway.errors import BadRequest
from trainyard_gateway.http import problems
from trainyard_gateway.http.sendfile import SendfileMiddleware, offered

MAX_HEAD = 64 * 1024
"""Bytes of request line and headers."""


class BoundedHeadProtocol(HttpToolsProtocol):
    """Answers 400 and hangs up when the headers do not end, and where they are no HTTP; in the shape of all errors."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._head_bytes = 0
        self._in_head = True
        self.url = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Offer to send files by the system."""
        super().connection_made(transport)
        if offered(transport):
            self.app = SendfileMiddleware(self.app, transport)

    def data_received(self, data: bytes) -> None:
        """Count what the parser could not make a request of yet."""
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD:
            self.send_400_response(f"request line and headers have more than {MAX_HEAD} bytes")

    def on_message_begin(self) -> None:
        """A request begins."""
        self._head_bytes, self._in_head = 0, True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """What follows is the body, for which every route has a limit of its own."""
        self._in_head = False
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what never became a request, and hang up."""
        path = self.url.partition(b"?")[0].decode("ascii", "replace")
        request_id = secrets.token_hex(16)
        scope = {"path": path, "state": {"id": request_id}}
        response = problems.of_problem(scope, BadRequest(msg))
        response.headers["X-Request-Id"] = request_id
        response.headers["Connection"] = "close"
        lines = [b"HTTP/1.1 400 Bad Request", *(b"%b: %b" % pair for pair in response.raw_headers)]
        self.transport.write(b"\r\n".join([*lines, b"", bytes(response.body)]))
        self.transport.close()
