"""A proxy in front of a real gateway: passes calls on over HTTP and records them, or answers with a fault in its place."""

from __future__ import annotations

import http.client
import json
import re
import threading
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from scripted_gateway import Answer, Request

_OF_A_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


@dataclass
class _Fault:
    call: re.Pattern[str]
    answer: Answer
    spared: int
    """So many calls go through before it strikes."""


class RecordingProxy:
    """The server. `requests` grows; `fail` puts faults in the place of answers until `heal`."""

    def __init__(self, port: int) -> None:
        self.requests: list[Request] = []
        self._upstream = port
        self._faults: list[_Fault] = []
        self._lock = threading.Lock()
        self._healed = threading.Event()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                with suppress(BrokenPipeError, ConnectionResetError):
                    proxy._serve(self)

            do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815  the names that http.server looks for

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.heal()
        self._server.shutdown()
        self._server.server_close()

    def fail(self, call: str, answer: Answer, spared: int = 0) -> None:
        """Calls whose `METHOD /path` (below /api/v1) is matched whole by the pattern get `answer`, after `spared` of them."""
        with self._lock:
            self._healed.clear()
            self._faults.append(_Fault(re.compile(call), answer, spared))

    def heal(self) -> None:
        """No fault any more; calls that are kept waiting are let go."""
        with self._lock:
            self._faults.clear()
            self._healed.set()

    def calls(self, since: int = 0) -> list[str]:
        """`METHOD /path` of the calls from number `since` on, in order."""
        with self._lock:
            return [f"{r.method} {r.path}" for r in self.requests[since:]]

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        raw = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        request = Request(
            handler.command,
            parts.path.removeprefix("/api/v1"),
            parse_qs(parts.query),
            json.loads(raw) if raw else None,
            {name.lower(): value for name, value in handler.headers.items()},
        )
        fault = self._note(request)
        if fault is None:
            self._pass_on(handler, raw)
        else:
            if fault.wait:
                self._healed.wait(fault.wait)
            body = fault.body if isinstance(fault.body, str) else json.dumps(fault.body)
            headers = {"Content-Type": "application/json", **fault.headers}
            _send(handler, fault.status, list(headers.items()), body.encode())

    def _note(self, request: Request) -> Answer | None:
        with self._lock:
            self.requests.append(request)
            for fault in self._faults:
                if fault.call.fullmatch(f"{request.method} {request.path}"):
                    if not fault.spared:
                        return fault.answer
                    fault.spared -= 1
        return None

    def _pass_on(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        far = http.client.HTTPConnection("127.0.0.1", self._upstream, timeout=30)
        try:
            headers = {n: v for n, v in handler.headers.items() if n.lower() not in _OF_A_HOP}
            far.request(handler.command, handler.path, body or None, headers)
            answer = far.getresponse()
            content = answer.read()
            kept = [(n, v) for n, v in answer.getheaders() if n.lower() not in _OF_A_HOP]
            _send(handler, answer.status, kept, content)
        finally:
            far.close()


def _send(
    handler: BaseHTTPRequestHandler, status: int, headers: list[tuple[str, str]], body: bytes
) -> None:
    handler.send_response_only(status)
    for name, value in headers:
        handler.send_header(name, value)
    if status != 204:
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
