"""HTTP/1.1 by uvicorn's httptools parser, with bounds that apply before authentication.

Guarantees:

- Request line and headers have at most `MAX_HEAD` bytes; so have the trailers of a chunked body.
- Trailers never become headers (RFC 9110, section 6.5.1): a proxy that filters headers is not
  bypassed by a trailer, and a trailer authenticates no client.
- What is not HTTP is answered in the shape of all errors, and the connection is closed.
- Whole files are sent by the system call sendfile, where the connection allows it.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from trainyard_gateway.errors import BadRequest
from trainyard_gateway.http import problems
from trainyard_gateway.http.sendfile import SendfileMiddleware, offered

MAX_HEAD = 64 * 1024
"""Bytes of request line and headers, and again of trailers."""


class BoundedHeadProtocol(HttpToolsProtocol):
    """uvicorn's protocol with the guarantees of this module."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._head_bytes = 0
        self._in_head = True
        self._trailer_bytes = 0
        self._in_chunk_head = False
        """A chunk's size was read, but none of its bytes. After the last chunk, trailers follow."""
        self.url = b""

    # As uvicorn's own.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Offer sendfile to the application if the connection allows it."""
        super().connection_made(transport)
        if offered(transport):
            self.app = SendfileMiddleware(self.app, transport)

    def data_received(self, data: bytes) -> None:
        """Parse bytes; refuse a head or trailers without end."""
        in_chunk_head = self._in_chunk_head
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD:
                self.send_400_response(f"request line and headers have more than {MAX_HEAD} bytes")
        elif in_chunk_head and self._in_chunk_head:
            # The parser has handed out nothing of it: it holds a part of a trailer.
            self._trailer_bytes += len(data)
        if self._trailer_bytes > MAX_HEAD:
            self._refuse_trailers()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._head_bytes, self._in_head = 0, True
        self._trailer_bytes, self._in_chunk_head = 0, False
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; drop a trailer."""
        if self._in_head:
            super().on_header(name, value)
        else:
            self._trailer_bytes += len(name) + len(value)

    def on_headers_complete(self) -> None:
        """The body follows, which the middleware and the routes bound."""
        self._in_head = False
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        """The size of a chunk was read."""
        self._in_chunk_head = True

    def on_body(self, body: bytes) -> None:
        """Bytes of the body."""
        self._in_chunk_head = False
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request was read whole."""
        self._in_chunk_head = False
        super().on_message_complete()

    def _refuse_trailers(self) -> None:
        if self.cycle.response_started:
            # A second response on this connection would be taken for the next request's.
            self.transport.close()
        else:
            self.send_400_response(f"trailers have more than {MAX_HEAD} bytes")

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request, and close the connection."""
        path = self.url.partition(b"?")[0].decode("ascii", "replace")
        request_id = secrets.token_hex(16)
        scope = {"path": path, "state": {"id": request_id}}
        response = problems.of_problem(scope, BadRequest(msg))
        response.headers["X-Request-Id"] = request_id
        response.headers["Connection"] = "close"
        lines = [b"HTTP/1.1 400 Bad Request", *(b"%b: %b" % pair for pair in response.raw_headers)]
        self.transport.write(b"\r\n".join([*lines, b"", bytes(response.body)]))
        self.transport.close()
