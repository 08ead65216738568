"""Calls that only the gateway can answer, passed on with the pod's token."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from trainyard_supervisor.relay.protocol.refusal import Refusal, away

PREFIX = "/mlflow"
CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 60.0
"""How long the gateway may take for an answer."""
PIECE_BYTES = 64 << 10
UNAVAILABLE = (502, 503, 504)
KEPT_HEADERS = ("Content-Type", "Content-Length", "Content-Disposition", "Retry-After")


class Readable(Protocol):
    """A body that is read piece by piece."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; none at its end."""


class Answer(NamedTuple):
    """What the gateway says; read `pieces` to the end or call `close`."""

    status: int
    headers: dict[str, str]
    response: http.client.HTTPResponse
    connection: http.client.HTTPConnection

    def pieces(self) -> Iterator[bytes]:
        """The body."""
        try:
            while piece := self.response.read(PIECE_BYTES):
                yield piece
        finally:
            self.close()

    def close(self) -> None:
        """End the connection."""
        self.connection.close()


class Gateway(NamedTuple):
    """The gateway of the session, with the token of its pod."""

    url: str
    token_file: Path

    def call(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: Readable | bytes | None,
        what: str,
    ) -> Answer:
        """The answer to one call. `target` is path and query behind the prefix.

        Raises Refusal if the gateway cannot be reached; `what` says for what it is needed.
        """
        try:
            return self._call(method, target, headers, body)
        except (OSError, http.client.HTTPException) as error:
            raise away(what) from error

    def _call(
        self, method: str, target: str, headers: Mapping[str, str], body: Readable | bytes | None
    ) -> Answer:
        token = self.token_file.read_text().strip()
        place = urlsplit(self.url)
        secure = place.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(place.hostname or "", place.port, timeout=CONNECT_SECONDS)
        try:
            connection.connect()
            connection.sock.settimeout(ANSWER_SECONDS)
            path = f"{place.path.rstrip('/')}{PREFIX}{target}"
            given = {**headers, "Authorization": f"Bearer {token}"}
            connection.request(method, path, body, given)
            response = connection.getresponse()
            if response.status in UNAVAILABLE:
                raise http.client.HTTPException(f"answered {response.status}")
        except BaseException:
            connection.close()
            raise
        kept = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
        return Answer(response.status, kept, response, connection)


def checked_target(target: str) -> str:
    """A path with its query as it may be passed on. Raises Refusal."""
    if not target.startswith("/") or not target.isascii() or any(c <= " " for c in target):
        raise Refusal("the path is no path", "BAD_REQUEST")
    return target
