"""Calls as httpx sends them, and responses as typed models or errors; used by both clients."""

from __future__ import annotations

import json
import logging
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx

from trainyard import errors, transfer
from trainyard.calls import Call
from trainyard.models import Event, lenient
from trainyard.multipart import Request
from trainyard.sse import Frame
from trainyard_api.model import OpenModel

T = TypeVar("T", bound=OpenModel)

_log = logging.getLogger("trainyard")
TIMEOUT = httpx.Timeout(30.0, connect=5.0)
STREAM_TIMEOUT = httpx.Timeout(30.0, connect=5.0, read=45.0)
"""The gateway sends something at least every 15 seconds."""
MAX_BODY_BYTES = 256 << 20
"""Largest body of a response; files and event streams are read in pieces instead."""


def base(url: str) -> str:
    """URL of the API below the gateway's. Raises ValueError unless it is http or https."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError(
            f"{url!r} is no URL of a gateway; it looks like http://gateway.example:8080"
        )
    return f"{url.rstrip('/')}/api/v1"


def headers(key: str) -> dict[str, str]:
    """Headers of every request; without a key those of a caller who has none yet."""
    said = {"Authorization": f"Bearer {key}"} if key else {}
    return {**said, "User-Agent": "trainyard-python"}


def target(call: Call[Any]) -> str:
    """Path and query of a call. Names of files may hold bytes that are not UTF-8."""
    if not call.query:
        return call.path
    given = [(name, each) for name, value in call.query.items() for each in _each(value)]
    return f"{call.path}?{urlencode(given, errors='surrogateescape')}"


def _each(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def request_arguments(call: Call[Any], request: Request | None = None) -> dict[str, Any]:
    """The arguments of `httpx.Client.request`; the caller adds the bytes of an upload's part."""
    out: dict[str, Any] = {"headers": dict(call.headers)}
    if call.body is not None:
        out["json"] = dict(call.body)
    if call.slow or (request is not None and request.slow):
        out["timeout"] = transfer.TIMEOUT
    if request is not None and request.part is not None:
        out["headers"] |= {"Content-Length": str(request.part.size)}
    return out


def check_size(size: int) -> None:
    """Raise BadAnswer for a body of more than `MAX_BODY_BYTES` bytes, decompressed."""
    if size > MAX_BODY_BYTES:
        raise errors.BadAnswer(
            f"the gateway's response is larger than {MAX_BODY_BYTES >> 20} MiB; ask for less at once"
        )


def with_body(response: httpx.Response, body: bytes) -> httpx.Response:
    """A streamed response with its decoded body."""
    encoded = ("content-encoding", "content-length", "transfer-encoding")
    headers = [(k, v) for k, v in response.headers.multi_items() if k.lower() not in encoded]
    return httpx.Response(
        response.status_code, headers=headers, content=body, request=response.request
    )


def check(response: httpx.Response) -> None:
    """Raise the error of a response that is not successful; its body must have been read."""
    if response.is_success:
        return
    try:
        body: Any = response.json()
    except (ValueError, RecursionError):
        body = response.text
    if response.has_redirect_location:
        elsewhere = response.headers["Location"][:200]
        raise errors.BadAnswer(f"the gateway is not at this address, which leads on to {elsewhere}")
    if response.status_code == 404 and not isinstance(body, dict):
        # The gateway's own 404 has a body that says what was not found.
        raise errors.BadAnswer("this is not a Trainyard gateway: it knows nothing of the path")
    raise errors.from_answer(response.status_code, body, response.headers.get("Retry-After"))


def parse(call: Call[T], response: httpx.Response) -> T | None:
    """The typed response; None for a call without one. Raises BadAnswer for one of another form."""
    check(response)
    if call.answer is None:
        if response.status_code != httpx.codes.NO_CONTENT:
            raise errors.BadAnswer(
                f"this is not a Trainyard gateway; it said: {response.text[:200]}"
            )
        return None
    try:
        found, left_out = lenient.read(call.answer, response.content)
    except ValueError as error:
        text = response.text[:200]
        raise errors.BadAnswer(
            f"this is not a Trainyard gateway, or a much newer one; it said: {text}"
        ) from error
    if left_out:
        _log.warning(
            "the gateway is newer than this client, which cannot read: %s; update the client",
            ", ".join(left_out[:10]),
        )
    return found


def present(response: T | None) -> T:
    """The response of a call that declares one."""
    if response is None:
        raise TypeError("this call declares no response")
    return response


def event(frame: Frame) -> Event:
    """A frame of the event stream as a typed event. Raises BadAnswer."""
    try:
        data = json.loads(frame.data)
    except (ValueError, RecursionError) as error:
        raise errors.BadAnswer(f"an event that is no JSON: {frame.data[:200]}") from error
    if not isinstance(data, dict):
        raise errors.BadAnswer(f"an event that is no object: {frame.data[:200]}")
    return Event(kind=frame.event, data=data, id=frame.last_id)


def unreachable(url: httpx.URL | str, error: httpx.HTTPError) -> errors.Unreachable:
    """The error for a missing response; the message leaves out secrets in the URL."""
    host = httpx.URL(url).host
    return errors.Unreachable(
        f"no answer from the gateway at {host}: {str(error) or type(error).__name__}"
    )
