"""Between httpx and our words: what both clients share."""

from __future__ import annotations

import json
from typing import Any, TypeVar

import httpx
from pydantic import ValidationError

from trainyard import errors, transfer
from trainyard.calls import Call
from trainyard.models import Event
from trainyard.multipart import Request
from trainyard.sse import Frame
from trainyard_api.model import OpenModel

T = TypeVar("T", bound=OpenModel)
TIMEOUT = httpx.Timeout(30.0, connect=5.0)
STREAM_TIMEOUT = httpx.Timeout(30.0, connect=5.0, read=45.0)
"""The gateway sends something at least every 15 seconds."""


def base(url: str) -> str:
    """Where the API is below the gateway's URL. Raises ValueError for something that is no http(s) URL."""
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
    """What every request carries."""
    return {"Authorization": f"Bearer {key}", "User-Agent": "trainyard-python"}


def request_arguments(call: Call[Any], step: Request | None = None) -> dict[str, Any]:
    """A call as httpx takes it; the bytes of a step's piece come beside it."""
    out: dict[str, Any] = {"params": dict(call.query), "headers": dict(call.headers)}
    if call.body is not None:
        out["json"] = dict(call.body)
    if step is not None and step.patient:
        out["timeout"] = transfer.TIMEOUT
    if step is not None and step.piece is not None:
        out["headers"] |= {"Content-Length": str(step.piece.size)}
    return out


def check(response: httpx.Response) -> None:
    """Raise the error of an answer that is one; its body must have been read."""
    if response.is_success:
        return
    try:
        body: Any = response.json()
    except ValueError:
        body = response.text
    if response.has_redirect_location:
        elsewhere = response.headers["Location"][:200]
        raise errors.BadAnswer(f"the gateway is not at this address, which leads on to {elsewhere}")
    if response.status_code == 404 and not isinstance(body, dict):
        # Whatever answers here, the gateway says which thing there is none of.
        raise errors.BadAnswer("this is not a Trainyard gateway: it knows nothing of the path")
    raise errors.from_answer(response.status_code, body, response.headers.get("Retry-After"))


def parse(call: Call[T], response: httpx.Response) -> T | None:
    """The typed answer."""
    check(response)
    if call.answer is None:
        if response.status_code != httpx.codes.NO_CONTENT:
            raise errors.BadAnswer(
                f"this is not a Trainyard gateway; it said: {response.text[:200]}"
            )
        return None
    try:
        return call.answer.model_validate_json(response.content)
    except ValidationError as error:
        text = response.text[:200]
        raise errors.BadAnswer(
            f"this is not a Trainyard gateway, or a much newer one; it said: {text}"
        ) from error


def present(answer: T | None) -> T:
    """The answer of a call that names one."""
    if answer is None:
        raise TypeError("every call that comes here names its answer")
    return answer


def event(frame: Frame) -> Event:
    """A frame of the event stream as we know it. Raises BadAnswer."""
    try:
        data = json.loads(frame.data)
    except ValueError as error:
        raise errors.BadAnswer(f"an event that is no JSON: {frame.data[:200]}") from error
    if not isinstance(data, dict):
        raise errors.BadAnswer(f"an event that is no object: {frame.data[:200]}")
    return Event(kind=frame.event, data=data, id=frame.last_id)


def unreachable(url: httpx.URL | str, error: httpx.HTTPError) -> errors.Unreachable:
    """No answer, without whatever secret a URL may hold."""
    host = httpx.URL(url).host
    return errors.Unreachable(
        f"no answer from the gateway at {host}: {str(error) or type(error).__name__}"
    )
