"""A small mail server on this machine: it takes messages by SMTP, and notes them."""

from __future__ import annotations

import socketserver
import threading
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self


@dataclass
class MailServer:
    """Serves 127.0.0.1; `refusal` is what it answers to a message in place of taking it."""

    refusal: str | None = None
    messages: list[str] = field(default_factory=list)
    """What came after DATA."""

    def __enter__(self) -> Self:
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), partial(_Handler, self))
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
        """As Apprise names it, without TLS."""
        ends = "from=trainyard@lab.example&to=ada@lab.example"
        return f"mailto://ada:password@127.0.0.1:{self.port}?smtp=127.0.0.1&mode=insecure&{ends}"


class _Handler(socketserver.StreamRequestHandler):
    def __init__(self, outer: MailServer, *given: Any) -> None:
        self._outer = outer
        super().__init__(*given)

    def handle(self) -> None:
        self._say("220 mail.lab.example")
        while line := self.rfile.readline().decode().strip():
            verb = line.split()[0].upper()
            if verb == "DATA":
                self._data()
            else:
                self._say(_ANSWERS.get(verb, "250 fine"))

    def _data(self) -> None:
        self._say("354 go ahead")
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.decode())
        if self._outer.refusal is None:
            self._outer.messages.append("".join(lines))
        self._say(self._outer.refusal or "250 taken")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


_ANSWERS = {
    "EHLO": "250-mail.lab.example\r\n250 AUTH PLAIN", "AUTH": "235 fine", "QUIT": "221 bye",
}  # fmt: skip
