"""The HTTP server that takes reports of a program's status."""

from __future__ import annotations

import hmac
import json
import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from trainyard_supervisor.status_server.listener import PATH
from trainyard_supervisor.status_server.trainer_status import TrainerStatus, status_of

MAX_BODY_BYTES = 256 << 10
TIMEOUT_SECONDS = 2.0
"""A caller that is silent for longer is hung up on: callers take turns."""


def serve(listening: socket.socket, token: str, take: Callable[[TrainerStatus], None]) -> None:
    """Answer calls on a socket that listens already, for as long as this process lives."""

    class Handler(_Handler):
        given_token = token
        taker = staticmethod(take)

    server = _Server(listening.getsockname(), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listening
    listening.setblocking(True)
    server.serve_forever(poll_interval=60)


class _Server(HTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hangs up is no output of the program: there is no traceback of it."""


class _Handler(BaseHTTPRequestHandler):
    timeout = TIMEOUT_SECONDS
    server_version, sys_version = "trainyard", ""
    given_token: str
    taker: Callable[[TrainerStatus], None]

    def do_POST(self) -> None:
        """Take one report."""
        code, answer = self._answer()
        content = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Calls are not the program's output."""

    def _answer(self) -> tuple[int, dict[str, str]]:
        if self.path != PATH:
            return 404, {"message": f"only {PATH} is here"}
        given = self.headers.get("Authorization", "").encode("latin-1", "replace")
        if not hmac.compare_digest(given, f"Bearer {self.given_token}".encode()):
            return 401, {"message": "the token is not that of KUBEFLOW_TRAINER_SERVER_TOKEN"}
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            return 411, {"message": "the call has no Content-Length"}
        if len(length) > 12 or int(length) > MAX_BODY_BYTES:
            return 413, {"message": f"a report has at most {MAX_BODY_BYTES} bytes"}
        try:
            self.taker(status_of(self.rfile.read(int(length))))
        except ValueError as error:
            return 400, {"message": str(error)[:500]}
        return 200, {}
