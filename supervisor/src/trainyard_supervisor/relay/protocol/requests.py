"""HTTP requests and answers on a connection; `http.server` would take a megabyte more memory."""

from __future__ import annotations

from email.message import Message
from http.client import HTTPException, parse_headers, responses
from typing import BinaryIO, NamedTuple

from trainyard_supervisor.relay.protocol.bodies import Body
from trainyard_supervisor.relay.protocol.refusal import Refusal

LINE_BYTES = 16 << 10
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class Request(NamedTuple):
    """One call; its body is read from the connection."""

    method: str
    target: str
    """Path and query."""
    headers: Message
    body: Body
    last: bool
    """Whether the caller wants the connection closed behind it."""


def read_request(stream: BinaryIO) -> Request | None:
    """The next call; None when the caller has closed the connection.

    Raises Refusal for what is no HTTP; the connection is of no use then.
    """
    line = stream.readline(LINE_BYTES)
    if not line:
        return None
    words = line.decode("latin-1").split()
    if len(words) != 3 or words[0] not in METHODS or not words[2].startswith("HTTP/1."):
        raise Refusal("the call is no HTTP request that is known here", "BAD_REQUEST")
    try:
        headers = parse_headers(stream)
    except HTTPException as error:
        raise Refusal(f"the headers cannot be read ({error})", "BAD_REQUEST") from error
    wanted = str(headers.get("Connection", "")).lower()
    last = "close" in wanted or (words[2] == "HTTP/1.0" and "keep-alive" not in wanted)
    return Request(words[0], words[1], headers, Body(stream, headers), last)


def head(status: int, headers: dict[str, str], *, last: bool) -> bytes:
    """The beginning of an answer; `last` tells that the connection ends behind it. Pure."""
    found = {**headers, "Connection": "close"} if last else headers
    lines = [f"HTTP/1.1 {status} {responses.get(status, '')}"]
    lines += [f"{name}: {_one_line(value)}" for name, value in found.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _one_line(value: str) -> str:
    return " ".join(value.split())
