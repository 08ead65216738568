"""One HTTP request to the gateway with the pod's projected token."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit


class RejectedError(Exception):
    """The gateway will never accept this request: a 4xx other than 401, 408, 425 and 429."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class NotDeliveredError(Exception):
    """The request may succeed later: no answer, 5xx, 401, 408, 425, 429.

    `retry_after` in seconds if the gateway named one; `status` is None when there was no answer.
    """

    def __init__(
        self, message: str, retry_after: float | None = None, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.status = status


class Transport(Protocol):
    """Sends one JSON body."""

    def post(self, path: str, body: bytes) -> dict[str, Any]:
        """The response's JSON object. Raises RejectedError or NotDeliveredError."""

    def close(self) -> None:
        """Close the connection."""


_PASSING = frozenset({401, 408, 425, 429})
MAX_BODY_BYTES = 1 << 20
"""Bytes of a response that are read; the gateway's have some hundred."""
MAX_RETRY_AFTER_SECONDS = 3600.0


class GatewayTransport:
    """Keeps one connection open.

    The token file is read for every request: the kubelet renews it.
    """

    def __init__(self, url: str, token_file: Path, timeout: float = 10.0) -> None:
        """`timeout` in seconds."""
        self.url, self.token_file, self.timeout = url, token_file, timeout
        self._connection: http.client.HTTPConnection | None = None

    def post(self, path: str, body: bytes) -> dict[str, Any]:
        """POST to `<url>/api/v1<path>`."""
        reused = self._connection is not None
        try:
            status, content, retry_after = self._exchange(path, body)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if reused and isinstance(error, ConnectionError):
                # It was idle for longer than the gateway keeps connections. If the request arrived,
                # the gateway recognizes the repeated one by its sequence number.
                return self.post(path, body)
            raise NotDeliveredError(
                f"no answer from {self.url}: {str(error) or type(error).__name__}"
            ) from error
        if status < 300:
            return _object(content)
        if status >= 500 or status in _PASSING:
            raise NotDeliveredError(f"{self.url} answered {status}", _seconds(retry_after), status)
        raise RejectedError(f"{self.url} answered {status}: {_detail(content)}", status)

    def _exchange(self, path: str, body: bytes) -> tuple[int, bytes, str | None]:
        token = self.token_file.read_text().strip()
        connection = self._connect()
        connection.request(
            "POST",
            f"{urlsplit(self.url).path.rstrip('/')}/api/v1{path}",
            body,
            {"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
        )
        response = connection.getresponse()
        content = response.read(MAX_BODY_BYTES)
        if response.read(1):
            # The rest is not read, so that the connection cannot be used again.
            self.close()
        return response.status, content, response.headers.get("Retry-After")

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> http.client.HTTPConnection:
        if self._connection is None:
            parts = urlsplit(self.url)
            kind = (
                http.client.HTTPSConnection
                if parts.scheme == "https"
                else http.client.HTTPConnection
            )
            self._connection = kind(parts.hostname or "", parts.port, timeout=self.timeout)
        return self._connection


def _object(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _detail(content: bytes) -> str:
    answer = _object(content)
    said = str(answer.get("detail") or content[:200].decode(errors="replace"))
    listed = answer.get("errors")
    # Another server at this address may use the field for something else.
    errors = [e for e in listed if isinstance(e, dict)] if isinstance(listed, list) else []
    return "; ".join([said, *(f"{e.get('field')}: {e.get('message')}" for e in errors[:3])])


def _seconds(value: str | None) -> float | None:
    """The seconds of a Retry-After header, at most an hour; None for anything but a number."""
    try:
        seconds = float(value or "")
    except ValueError:
        return None
    return min(seconds, MAX_RETRY_AFTER_SECONDS) if seconds >= 0 else None
