"""A stand-in for the gateway: a real HTTP server with scripted answers, for errors that the real one gives rarely.

It has the paths and forms of the gateway's API, keeps one key, records every call, and answers from `answers`.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

KEY = f"tyk_canary-{secrets.token_hex(16)}"


@dataclass(frozen=True)
class Request:
    """One call as it came."""

    method: str
    path: str
    query: dict[str, list[str]]
    body: Any
    headers: dict[str, str]


@dataclass
class Answer:
    """What a call gets: JSON (or text), a status, and how long it is kept waiting."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    wait: float = 0.0
    dates: str | None = None
    """`Date` header instead of the present time."""


def problem(status: int, detail: str = "", **more: Any) -> Answer:
    """An RFC 9457 answer."""
    headers = more.pop("headers", {})
    body = {"type": "about:blank", "title": "…", "status": status, "detail": detail, **more}
    return Answer(body, status, {"Content-Type": "application/problem+json", **headers})


def session(name: str, phase: str, uid: str | None = None, **parts: Any) -> dict[str, Any]:
    """A session as the gateway gives it; `status` and `spec` are laid over the defaults."""
    spec = {
        "training": {"task": "tabular-classification"},
        "dataset": "iris",
        "resources": {"gpus": 1},
        **parts.get("spec", {}),
    }
    return {
        "name": name,
        "uid": uid or f"uid-of-{name}",
        "namespace": "t",
        "phase": phase,
        "created": "2026-07-01T12:00:00Z",
        "spec": spec,
        "status": {"phase": phase, **parts.get("status", {})},
    }


class ScriptedGateway:
    """The server. `sessions` are served by list and status; `answers` overrides by `(method, path)` or path."""

    def __init__(self, key: str = KEY) -> None:
        self.key = key
        self.requests: list[Request] = []
        self.sessions: list[dict[str, Any]] = []
        self.answers: dict[tuple[str, str], Answer | Callable[[Request], Answer]] = {}
        self._lock = threading.Lock()
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                gateway._serve(self)

            do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815  the names that http.server looks for

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def script(self, method: str, path: str, answer: Answer | Callable[[Request], Answer]) -> None:
        """What `method path` (below /api/v1) gets from now on."""
        with self._lock:
            self.answers[method, path] = answer

    def calls(self) -> list[str]:
        """`METHOD /path` of all calls, in order."""
        with self._lock:
            return [f"{r.method} {r.path}" for r in self.requests]

    def of(self, method: str, path: str) -> list[Request]:
        """The calls of one path."""
        with self._lock:
            return [r for r in self.requests if (r.method, r.path) == (method, path)]

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        raw = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        request = Request(
            handler.command,
            parts.path.removeprefix("/api/v1"),
            parse_qs(parts.query),
            json.loads(raw) if raw and "json" in handler.headers.get("Content-Type", "") else None,
            {name.lower(): value for name, value in handler.headers.items()},
        )
        with self._lock:
            self.requests.append(request)
            scripted = self.answers.get((request.method, request.path))
        if request.headers.get("authorization") != f"Bearer {self.key}":
            answer = problem(401, "the API key is not valid")
        elif scripted is None:
            answer = self._default(request)
        else:
            answer = scripted(request) if callable(scripted) else scripted
        _send(handler, answer)

    def _default(self, request: Request) -> Answer:
        if request.path == "/training/sessions":
            gone = "history" in request.query
            listed = [
                s
                for s in self.sessions
                if request.query.get("phase", [s["phase"]])[0] == s["phase"]
            ]
            shown = [] if gone else listed
            return Answer({"sessions": shown, "total": len(shown), "cursor": None})
        if request.path.startswith("/training/"):
            wanted = request.path.split("/")[2]
            for one in self.sessions:
                if wanted in (one["name"], one["uid"]):
                    return Answer(one)
        return problem(404, f"there is nothing at {request.path}")


def _send(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    if answer.wait:
        time.sleep(answer.wait)
    if isinstance(answer.body, bytes):
        data = answer.body
    elif isinstance(answer.body, str):
        data = answer.body.encode()
    else:
        data = b"" if answer.body is None else json.dumps(answer.body).encode()
    headers = {"Content-Type": "application/json", **answer.headers}
    try:
        handler.send_response_only(answer.status)
        handler.send_header("Date", answer.dates or handler.date_time_string())
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)
    except (BrokenPipeError, ConnectionResetError):
        handler.close_connection = True
