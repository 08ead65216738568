"""The HTTP server of the relay: a thread for each connection."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterable, Iterator
from http.client import HTTPException
from typing import BinaryIO

from trainyard_supervisor.relay.forwarding import Answer, checked_target
from trainyard_supervisor.relay.protocol.bodies import Body
from trainyard_supervisor.relay.protocol.refusal import Refusal
from trainyard_supervisor.relay.protocol.requests import Request, head, read_request
from trainyard_supervisor.relay.relay import Relay
from trainyard_supervisor.relay.routes import Content, Local, Routes, encoded

MOST_BODY_BYTES = 2 << 20
"""Of a call that is no file."""
IDLE_SECONDS = 60.0
MOST_CALLERS = 64
KEPT_CALLERS = 32
"""With more connections each is closed after its answer, so that others get their turn."""
STACK_BYTES = 512 << 10
PIECE_BYTES = 64 << 10
PASSED_HEADERS = ("Content-Type", "Accept", "User-Agent", "X-Mlflow-Workspace")
JSON = "application/json"


def serve(listening: socket.socket, relay: Relay) -> None:
    """Answer calls on a socket that listens already, for as long as this process lives."""
    callers = _Callers(Routes(relay), relay)
    listening.setblocking(True)
    threading.stack_size(STACK_BYTES)
    while True:
        callers.take(listening.accept()[0])


class _Callers:
    """The connections of a program."""

    def __init__(self, routes: Routes, relay: Relay) -> None:
        self._routes, self._relay = routes, relay
        self._places = threading.BoundedSemaphore(MOST_CALLERS)
        self._counting = threading.Lock()
        self._count = 0

    def take(self, connection: socket.socket) -> None:
        """Answer a connection in another thread, once there is a place for it."""
        self._places.acquire()
        with self._counting:
            self._count += 1
        threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    @property
    def many(self) -> bool:
        """Whether connections have to end, so that others get their turn."""
        return self._count > KEPT_CALLERS

    def _answer(self, connection: socket.socket) -> None:
        try:
            with connection, contextlib.suppress(OSError):
                connection.settimeout(IDLE_SECONDS)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with connection.makefile("rb") as stream:
                    while _Call(self._routes, self._relay, connection).answer(stream, self.many):
                        """The next call."""
        finally:
            with self._counting:
                self._count -= 1
            self._places.release()


class _Call:
    """One call of one connection."""

    def __init__(self, routes: Routes, relay: Relay, connection: socket.socket) -> None:
        self._routes, self._relay, self._connection = routes, relay, connection
        self._last = True
        """Whether the connection ends after this answer."""

    def answer(self, stream: BinaryIO, last: bool) -> bool:
        """Read a call and answer it; whether another one may follow. Raises OSError."""
        request = None
        try:
            request = read_request(stream)
            if request is None:
                return False
            self._last = last or request.last
            self._answered(request)
        except Refusal as refusal:
            self._last |= request is None or not request.body.ended
            self._send(refusal.status, JSON, refusal.body)
        return not self._last and request is not None and request.body.ended

    def _answered(self, request: Request) -> None:
        checked_target(request.target)
        content: Body | bytes = request.body
        if request.method == "POST":
            content = request.body.whole(MOST_BODY_BYTES)
        try:
            found = self._local(request, content)
        except (ConnectionError, TimeoutError):
            raise
        except OSError as error:
            raise Refusal(f"the volume does not take it: {error}", "INTERNAL_ERROR") from error
        if found is None:
            self._pass_on(request, content)
        elif isinstance(found, Content):
            self._send_file(found)
        else:
            self._send(200, JSON, encoded(found))

    def _local(self, request: Request, content: Body | bytes) -> Local:
        target = request.target
        if request.method == "GET":
            return self._routes.get(target)
        if isinstance(content, bytes):
            return self._routes.post(target, content)
        if request.method == "PUT":
            kind = str(request.headers.get("Content-Type") or "application/octet-stream")
            return self._routes.put(target, content, kind)
        if request.method == "DELETE":
            return self._routes.delete(target)
        return None

    def _pass_on(self, request: Request, content: Body | bytes) -> None:
        headers = {n: str(request.headers[n]) for n in PASSED_HEADERS if n in request.headers}
        given: Body | bytes | None = content
        if isinstance(content, Body):
            if content.length is not None:
                headers["Content-Length"] = str(content.length)
            if content.ended:
                given = None
        try:
            answer = self._relay.forward(request.method, request.target, headers, given)
        except Refusal as refusal:
            found = self._routes.without_gateway(request.target)
            if not isinstance(found, dict):
                waits = self._routes.makes_model(request.method, request.target)
                raise (refusal.worth_waiting() if waits else refusal) from None
            self._send(200, JSON, encoded(found))
            return
        self._last |= not request.body.ended
        self._send_answer(answer)

    def _send_answer(self, answer: Answer) -> None:
        self._last |= "Content-Length" not in answer.headers
        self._connection.sendall(head(answer.status, answer.headers, last=self._last))
        try:
            self._send_pieces(answer.pieces())
        except HTTPException as error:
            raise ConnectionError("the gateway hung up") from error

    def _send_file(self, found: Content) -> None:
        headers = {"Content-Type": found.kind, "Content-Length": str(found.size)}
        with contextlib.closing(found.file):
            self._connection.sendall(head(200, headers, last=self._last))
            self._send_pieces(_pieces_of(found.file))

    def _send_pieces(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            self._connection.sendall(piece)

    def _send(self, status: int, kind: str, content: bytes) -> None:
        headers = {"Content-Type": kind, "Content-Length": str(len(content))}
        self._connection.sendall(head(status, headers, last=self._last) + content)


def _pieces_of(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        yield piece
