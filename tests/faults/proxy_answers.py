"""What the fault proxy answers, and the watches that it passes on."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any, Final

from aiohttp import web
from fault_plan import Kind

REFUSALS: Final = {
    Kind.CONFLICT: (409, "Conflict"),
    Kind.BUSY: (429, "TooManyRequests"),
    Kind.ERROR: (500, "InternalError"),
    Kind.ERRORS: (500, "InternalError"),
}
"""Answers to a request that is not carried out."""
EXPIRED: Final = {
    "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired",
    "message": "too old resource version", "code": 410,
}  # fmt: skip


def _failure(code: int, reason: str) -> dict[str, Any]:
    return {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": f"the fault proxy says {reason}", "reason": reason, "code": code,
    }  # fmt: skip


Answer = tuple[int, dict[str, str], bytes]


class WatchStream:
    """One watch on its way to the program."""

    def __init__(self, request: web.Request, response: web.StreamResponse) -> None:
        self.path = request.path
        self._request, self._response = request, response
        self._broken = False
        self.silent = False

    def silence(self) -> None:
        """Deliver nothing more, and leave the connection open."""
        self._broken = self.silent = True

    async def write(self, chunk: bytes) -> None:
        if not self._broken:
            await self._response.write(chunk)

    def abort(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()

    def break_off(self, kind: Kind) -> None:
        """An ERROR event, or half a line and a reset."""
        self._broken = True
        error = json.dumps({"type": "ERROR", "object": _failure(500, "InternalError")}).encode()
        text = error + b"\n" if kind is Kind.STREAM_ERROR else error[:20]
        task = asyncio.ensure_future(self._last(text, reset=kind is not Kind.STREAM_ERROR))
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)

    async def _last(self, text: bytes, *, reset: bool) -> None:
        with suppress(OSError, RuntimeError):
            await self._response.write(text)
        await asyncio.sleep(0.05)
        if reset:
            self.abort()


_tasks: set[asyncio.Task[None]] = set()


def answered(status: int, headers: dict[str, str], content: bytes) -> web.Response:
    return web.Response(status=status, headers=headers, body=content)


def refusal(kind: Kind) -> web.Response:
    code, reason = REFUSALS.get(kind, (504, "Timeout"))
    headers = {"Retry-After": "1"} if kind is Kind.BUSY else {}
    return web.json_response(_failure(code, reason), status=code, headers=headers)


async def cut(request: web.Request, answer: Answer) -> web.StreamResponse:
    """Half of the body, then a reset."""
    status, headers, content = answer
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = len(content)
    with suppress(OSError):
        await response.prepare(request)
        await response.write(content[: len(content) // 2])
        await asyncio.sleep(0.05)
    return aborted(request, response)


def aborted(request: web.Request, response: web.StreamResponse | None = None) -> web.StreamResponse:
    """Reset the connection."""
    if request.transport is not None:
        request.transport.abort()
    return response or web.Response()
