"""HTTP/1.1 by uvicorn's httptools parser, with bounds that apply before authentication.

Guarantees:

- Request line and headers have at most `MAX_HEAD` bytes; so have the trailers of a chunked body.
- Trailers never become headers (RFC 9110, section 6.5.1): a proxy that filters headers is not
  bypassed by a trailer, and a trailer authenticates no client.
- What is not HTTP is answered in the shape of all errors, and the connection is closed.
- Few requests of a connection wait for the answer to an earlier one: each takes a hundred times its
  bytes of memory, before it has shown a key.
- Connections have a number, in all and by address, and each step of a request a deadline.
- Whole files are sent by the system call sendfile, where the connection allows it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import time
from collections.abc import Sequence
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from trainyard_gateway.errors import BadRequest, Problem, RequestTimeout, Unavailable
from trainyard_gateway.http import problems
from trainyard_gateway.http.connections import Clocks, ConnectionCounts, Deadlines, overdue
from trainyard_gateway.http.sendfile import SendfileMiddleware, offered

MAX_HEAD = 64 * 1024
"""Bytes of request line and headers, and again of trailers."""


MOST_PIPELINED = 16
"""Requests of a connection that wait while an earlier one is answered."""


class PipelineError(Exception):
    """More requests than MOST_PIPELINED wait on a connection."""


class BoundedHeadProtocol(HttpToolsProtocol):
    """uvicorn's protocol with the guarantees of this module."""

    counts: ClassVar[ConnectionCounts] = ConnectionCounts()
    """Shared by the connections of a gateway."""
    deadlines: ClassVar[Deadlines] = Deadlines()

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._head_bytes = 0
        self._in_head = True
        self._trailer_bytes = 0
        self._in_chunk_head = False
        """A chunk's size was read, but none of its bytes. After the last chunk, trailers follow."""
        self.url = b""
        self._clocks = Clocks(head=time.monotonic())
        self._address = ""
        self._timer: asyncio.TimerHandle | None = None

    # As uvicorn's own.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Offer sendfile to the application if the connection allows it."""
        super().connection_made(transport)
        if offered(transport):
            self.app = SendfileMiddleware(self.app, transport)
        self._address = self.client[0] if self.client else ""
        if refusal := self.counts.enter(self._address):
            self._refuse(Unavailable(refusal))
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._timer is not None:
            self._timer.cancel()
        self.counts.leave(self._address)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client takes nothing of the answer."""
        self._clocks.answer = time.monotonic()
        super().pause_writing()

    def resume_writing(self) -> None:
        """The client has taken enough of it."""
        self._clocks.answer = None
        super().resume_writing()

    def on_response_complete(self) -> None:
        """The answer is written; what is left of the body is read for a moment only."""
        if self.cycle.more_body:
            self._clocks.body, self._clocks.rest = None, time.monotonic()
        super().on_response_complete()

    def _look(self) -> None:
        """Close the connection if its client is too slow; look again later."""
        now, clocks = time.monotonic(), self._clocks
        if self._is_gateway_behind() or clocks.body_bytes >= self.deadlines.body_bytes:
            clocks.body = now if clocks.body is not None else None
            clocks.body_bytes = 0
        late = overdue(clocks, self.deadlines, now)
        if late == "answer":
            self.transport.abort()
        elif late == "rest" or (late and self._answer_begun()):
            self.transport.close()
        elif late:
            self._refuse(RequestTimeout(f"the {late} of the request did not come in time"))
        if not self.transport.is_closing():
            self._timer = self.loop.call_later(self.deadlines.look, self._look)

    def _answer_begun(self) -> bool:
        """Whether what is read now can get no answer: one is under way, or it has had its own."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or not cycle.response_started:
            return False
        return not (self._in_head and cycle.response_complete)

    def _is_gateway_behind(self) -> bool:
        """Whether the client waits for the gateway before it sends more of the body."""
        cycle: RequestResponseCycle | None = self.cycle
        return self.flow.read_paused or (cycle is not None and cycle.waiting_for_100_continue)

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
            self.send_400_response(f"trailers have more than {MAX_HEAD} bytes")

    def on_message_begin(self) -> None:
        """A request begins. Raises PipelineError, which ends the parsing."""
        if len(self.pipeline) >= MOST_PIPELINED:
            raise PipelineError
        self._head_bytes, self._in_head = 0, True
        self._clocks.head, self._clocks.rest = time.monotonic(), None
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
        self._clocks.head, self._clocks.body = None, time.monotonic()
        self._clocks.body_bytes = 0
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        """The size of a chunk was read."""
        self._in_chunk_head = True

    def on_body(self, body: bytes) -> None:
        """Bytes of the body."""
        self._in_chunk_head = False
        self._clocks.body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request was read whole."""
        self._in_chunk_head = False
        self._clocks.body = self._clocks.rest = None
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request, and close the connection."""
        if len(self.pipeline) >= MOST_PIPELINED:
            msg = f"more than {MOST_PIPELINED} requests wait; send the next one after an answer"
        if self._answer_begun():
            # A second response on this connection would be taken for the next request's.
            self.transport.close()
        else:
            self._refuse(BadRequest(msg))

    def _refuse(self, problem: Problem) -> None:
        """Answer without the application, and close the connection."""
        path = self.url.partition(b"?")[0].decode("ascii", "replace")
        request_id = secrets.token_hex(16)
        scope = {"path": path, "state": {"id": request_id}}
        response = problems.of_problem(scope, problem)
        response.headers["X-Request-Id"] = request_id
        response.headers["Connection"] = "close"
        status = b"HTTP/1.1 %d %b" % (problem.status, problem.title.encode())
        lines = [status, *(b"%b: %b" % pair for pair in response.raw_headers)]
        self.transport.write(b"\r\n".join([*lines, b"", bytes(response.body)]))
        self.transport.close()


def bounded_protocol(proxies: Sequence[str]) -> type[BoundedHeadProtocol]:
    """The protocol of one gateway. `proxies`: networks whose addresses share one bound only."""
    networks = tuple(ipaddress.ip_network(text) for text in proxies)

    class Protocol(BoundedHeadProtocol):
        """With separate counts."""

        counts = ConnectionCounts(proxies=networks)

    return Protocol
