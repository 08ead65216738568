"""A receiver of webhooks on this machine that notes what comes, and answers as it is told."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

Answer = tuple[int, dict[str, str]]


@dataclass
class WebhookReceiver:
    """Serves 127.0.0.1; `answer` gets the id of a message and how often it has come."""

    answer: Callable[[str, int], Answer | None] = lambda _, __: (204, {})
    """Status and headers; None ends the connection without an answer."""
    port: int = 0
    identity: Callable[[dict[str, str], bytes], str] = lambda headers, _: headers["webhook-id"]
    """The id of a message by its headers and body."""
    came: list[str] = field(default_factory=list)
    """Ids of the messages, in the order in which they came."""
    messages: dict[str, tuple[dict[str, str], bytes]] = field(default_factory=dict)
    """Headers and body of the last message of an id."""
    text: bytes = b""
    """The body of each answer."""

    def __enter__(self) -> Self:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {k.lower(): v for k, v in self.headers.items()}
                identity = outer.identity(headers, body)
                outer.came.append(identity)
                outer.messages[identity] = (headers, body)
                answer = outer.answer(identity, outer.came.count(identity))
                if answer is None:
                    self.close_connection = True
                    return
                self.send_response(answer[0])
                for name, value in {**answer[1], "Content-Length": str(len(outer.text))}.items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(outer.text)

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}/hook"


def slowly(seconds: float) -> Callable[[str, int], Answer]:
    """Answers after so many seconds."""

    def answer(_: str, __: int) -> Answer:
        time.sleep(seconds)
        return 204, {}

    return answer
