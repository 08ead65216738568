"""Between httpx and our words: what both clients share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
from pydantic import ValidationError

from trainyard import errors
from trainyard.calls import Call
from trainyard_api.model import Status

T = TypeVar("T", bound=Status)
CHUNK = 1 << 20
TIMEOUT = httpx.Timeout(30.0, connect=5.0)


def base(url: str) -> str:
    """Where the API is below the gateway's URL. Raises ValueError for something that is no http(s) URL."""
    parsed = httpx.URL(url)
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError(
            f"{url!r} is no URL of a gateway; it looks like http://gateway.example:8080"
        )
    return f"{url.rstrip('/')}/api/v1"


def headers(key: str) -> dict[str, str]:
    """What every request carries."""
    return {"Authorization": f"Bearer {key}", "User-Agent": "trainyard-python"}


def request_arguments(call: Call[Any]) -> dict[str, Any]:
    """A call as httpx takes it."""
    out: dict[str, Any] = {"params": dict(call.query), "headers": dict(call.headers)}
    if call.body is not None:
        out["json"] = dict(call.body)
    return out


def check(response: httpx.Response) -> None:
    """Raise the error of an answer that is one; its body must have been read."""
    if response.is_success:
        return
    try:
        body: Any = response.json()
    except ValueError:
        body = response.text
    raise errors.from_answer(response.status_code, body, response.headers.get("Retry-After"))


def parse(call: Call[T], response: httpx.Response) -> T | None:
    """The typed answer."""
    check(response)
    if call.answer is None:
        return None
    try:
        return call.answer.model_validate_json(response.content)
    except ValidationError as error:
        text = response.text[:200]
        raise errors.BadAnswer(
            f"this is not a Trainyard gateway, or a much newer one; it said: {text}"
        ) from error


def unreachable(url: httpx.URL | str, error: httpx.HTTPError) -> errors.Unreachable:
    """No answer, without whatever secret a URL may hold."""
    host = httpx.URL(url).host
    return errors.Unreachable(
        f"no answer from the gateway at {host}: {str(error) or type(error).__name__}"
    )


def file_chunks(path: Path) -> Iterator[bytes]:
    """A file in pieces."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def upload_headers(path: Path) -> dict[str, str]:
    """Size and type of a file that is sent."""
    return {"Content-Length": str(path.stat().st_size), "Content-Type": "application/octet-stream"}


class Download:
    """A file that grows under a name of its own until its hash is right."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self._part = target.with_name(f"{target.name}.part")
        self._digest = hashlib.sha256()
        self.size = 0
        if self._part.exists():
            for chunk in file_chunks(self._part):
                self._digest.update(chunk)
                self.size += len(chunk)

    def range_headers(self) -> dict[str, str]:
        """Ask for the rest only."""
        return {"Range": f"bytes={self.size}-"} if self.size else {}

    def begin(self, response: httpx.Response) -> None:
        """Start over where the server sends everything."""
        if response.status_code != 206 and self.size:
            self.reset()

    def reset(self) -> None:
        """Forget what was there."""
        self._part.unlink(missing_ok=True)
        self._digest, self.size = hashlib.sha256(), 0

    def add(self, chunk: bytes) -> None:
        """Append a piece."""
        with self._part.open("ab") as file:
            file.write(chunk)
        self._digest.update(chunk)
        self.size += len(chunk)

    def finish(self, expected: str | None) -> Path:
        """Give it its name. Raises HashMismatch, leaving nothing behind."""
        found = self._digest.hexdigest()
        if expected is not None and found != expected:
            self.reset()
            raise errors.HashMismatch(f"{self.target.name} has the hash {found}, not {expected}")
        self._part.replace(self.target)
        return self.target
