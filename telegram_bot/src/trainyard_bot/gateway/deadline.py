"""The deadline of a call of the gateway, and what is known about the call when it passes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpx

from trainyard import errors
from trainyard_bot.gateway.errors import (
    KIND_OF_STATUS,
    GatewayError,
    Problem,
    ProblemKind,
    kind_of_silence,
    problem_of,
)


@dataclass(slots=True)
class _Call:
    """A call in progress. The client repeats requests; `problem` is that of the newest one."""

    no_answer: ProblemKind
    deadline: asyncio.Timeout
    problem: Problem | None = Problem(ProblemKind.UNREACHABLE)
    """The problem if the deadline passes now; None between sending a request and its answer."""
    html: bool = False
    """Whether the newest success was a web page: a proxy answered, and nothing was done."""


_call: ContextVar[_Call] = ContextVar("call")


@asynccontextmanager
async def deadline(seconds: float, *, writes: bool = False) -> AsyncIterator[asyncio.Timeout]:
    """Give a call at most `seconds`, repetitions included; the timeout can be rescheduled.

    Every failure is raised as `GatewayError`. Needs a client that sends through `TracingTransport`.
    """
    timeout = asyncio.timeout(seconds)
    call = _Call(ProblemKind.UNKNOWN_OUTCOME if writes else ProblemKind.TIMEOUT, timeout)
    token = _call.set(call)
    try:
        async with timeout:
            yield timeout
        if call.html:
            raise GatewayError(Problem(ProblemKind.NOT_THE_GATEWAY))
    except TimeoutError as error:
        raise GatewayError(call.problem or Problem(call.no_answer)) from error
    except errors.TrainyardError as error:
        raise GatewayError(problem_of(error, call.no_answer)) from error
    finally:
        _call.reset(token)


class TracingTransport(httpx.AsyncBaseTransport):
    """Sends by `inner` and notes in the current call what the client does not report.

    The client waits out refusals (429, 503), and reads no body where it expects none. The audit log
    of the gateway knows the bot by its `User-Agent`.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request`; raises what the inner transport raises."""
        call = _call.get()
        call.html = False

        async def trace(event: str, _: dict[str, Any]) -> None:
            # Until here nothing was sent: if the deadline passed, the earlier problem is true.
            if event.endswith("send_request_headers.started"):
                call.problem = None

        request.extensions = {**request.extensions, "trace": trace}
        request.headers["User-Agent"] = "trainyard-bot"
        try:
            response = await self._inner.handle_async_request(request)
        except httpx.TransportError as error:
            call.problem = Problem(kind_of_silence(error, call.no_answer))
            raise
        content_type = response.headers.get("Content-Type", "")
        call.html = response.is_success and content_type.startswith("text/html")
        if response.status_code in (429, 502, 503, 504):
            _note_refusal(call, response)
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


def _note_refusal(call: _Call, response: httpx.Response) -> None:
    """Keep the refusal; end the call now if the next try would come after the deadline."""
    asked = response.headers.get("Retry-After", "")
    seconds = float(asked) if asked.isdecimal() else None
    call.problem = Problem(KIND_OF_STATUS[response.status_code], retry_after=seconds)
    now, end = asyncio.get_running_loop().time(), call.deadline.when()
    if end is not None and now + (seconds or 0) >= end:
        call.deadline.reschedule(now)
