"""The gateway over HTTP, by the client that everybody else uses too; its errors in the bot's words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import httpx

from trainyard import AsyncClient, errors
from trainyard_bot.gateway import translate
from trainyard_bot.gateway.errors import GatewayError
from trainyard_bot.gateway.views import TERMINAL, Dataset, Model, Problem, Run, Series, System
from trainyard_bot.settings import Settings

PAGE: Final = 1000
"""Sessions in one answer; the gateway gives no more."""

GONE_WATCHED: Final = 200
"""Newest sessions that the cluster no longer has, among which an end may be news."""

DOWNLOAD_SECONDS: Final = 120.0
"""How long a file may take in all once it comes."""
CURVE_POINTS: Final = 500
"""More than a phone's screen can show apart."""

_KINDS: Final = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    422: "invalid",
    429: "too_many",
    502: "unavailable",
    503: "unavailable",
    504: "unavailable",
}


@dataclass(slots=True)
class _Call:
    """A call under way: what silence means for it, and what became of its newest attempt."""

    silence: Literal["timeout", "unsure"]
    deadline: asyncio.Timeout
    seen: Problem | None = Problem("unreachable")
    """What to say when time runs out: not reached or refused; None from the moment when a request was sent until its end."""
    page: bool = False
    """Whether a web page came with a 2xx: what answers there is not the gateway, and did nothing that was asked."""


_call: ContextVar[_Call] = ContextVar("call")


class NotingTransport(httpx.AsyncBaseTransport):
    """Sends by `inner` and notes what the client does not say: refusals that it waits out, pages where no body is read."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As the inner transport."""
        call = _call.get()
        call.page = False

        async def trace(event: str, _: dict[str, Any]) -> None:
            # Time may run out while a connection is made: then nothing was asked, and what is known stays true.
            if event.endswith("send_request_headers.started"):
                call.seen = None

        request.extensions = {**request.extensions, "trace": trace}
        try:
            response = await self._inner.handle_async_request(request)
        except httpx.TransportError as error:
            call.seen = _silent(error, call.silence)
            raise
        kind_of_body = response.headers.get("Content-Type", "")
        call.page = response.is_success and kind_of_body.startswith("text/html")
        if response.status_code in (429, 502, 503, 504):
            asked = response.headers.get("Retry-After", "")
            wait = float(asked) if asked.isdecimal() else None
            call.seen = Problem(_KINDS[response.status_code], retry_after=wait)
            _give_up_in_time(call.deadline, wait or 0)
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


def connect(settings: Settings, key: str) -> HttpGateway:
    """The gateway of the settings. Nothing is sent yet."""
    seconds = settings.gateway_timeout_seconds
    client = AsyncClient(
        settings.gateway_url,
        key,
        # A little more than a call may take in all, so that the deadline of the call decides.
        timeout=httpx.Timeout(seconds + 1),
        transport=NotingTransport(httpx.AsyncHTTPTransport()),
    )
    return HttpGateway(client, seconds)


class HttpGateway:
    """The `Gateway` that the desks use."""

    def __init__(self, client: AsyncClient, seconds: float) -> None:
        self._client = client
        self._seconds = seconds

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def runs(self, phase: str = "") -> tuple[Sequence[Run], int]:
        """Runs, newest first."""
        if phase not in ("", "all"):
            async with _in_words(self._seconds):
                page = await self._client.sessions(phase, limit=PAGE)
            return [translate.run(one) for one in page.sessions], page.total
        found = await self._live()
        shown = [one for one in found if phase == "all" or one.phase not in TERMINAL]
        return shown, len(shown)

    async def _live(self) -> list[Run]:
        found: list[Run] = []
        cursor: str | None = None
        while True:
            async with _in_words(self._seconds):
                page = await self._client.sessions(limit=PAGE, cursor=cursor)
            found += [translate.run(one) for one in page.sessions]
            cursor = page.cursor
            if cursor is None:
                return found

    async def watched(self) -> Sequence[Run]:
        """All runs of the cluster, and the newest of those that it no longer has."""
        live = await self._live()
        async with _in_words(self._seconds):
            gone = await self._client.sessions(history=True, limit=GONE_WATCHED)
        known = {one.uid for one in live}
        ended = (translate.run(one) for one in gone.sessions if one.uid not in known)
        return live + [one for one in ended if one.over]

    async def run(self, name_or_uid: str) -> Run:
        """One run."""
        async with _in_words(self._seconds):
            return translate.run(await self._client.status(name_or_uid))

    async def check(self, name: str, spec: dict[str, Any]) -> None:
        """Whether the gateway would accept the run."""
        async with _in_words(self._seconds):
            await self._client.start_training(spec, name, dry_run=True)

    async def start(self, name: str, spec: dict[str, Any], key: str) -> Run:
        """Hand in a run."""
        async with _in_words(self._seconds, writes=True):
            return translate.run(await self._client.start_training(spec, name, idempotency_key=key))

    async def stop(self, uid: str) -> None:
        """Ask it to save a checkpoint and end."""
        async with _in_words(self._seconds, writes=True):
            await self._client.stop(uid)

    async def cancel(self, uid: str) -> None:
        """Take it out of the queue."""
        async with _in_words(self._seconds, writes=True):
            await self._client.cancel(uid)

    async def suspend(self, uid: str) -> None:
        """Ask it to save a checkpoint and give its GPUs back."""
        async with _in_words(self._seconds, writes=True):
            await self._client.suspend(uid)

    async def resume(self, uid: str) -> None:
        """Put a suspended run back into the queue."""
        async with _in_words(self._seconds, writes=True):
            await self._client.resume(uid)

    async def set_priority(self, uid: str, priority: int) -> None:
        """Change its priority."""
        async with _in_words(self._seconds, writes=True):
            await self._client.set_priority(uid, priority)

    async def queue(self) -> Sequence[Run]:
        """Who waits, in order."""
        async with _in_words(self._seconds):
            return [translate.waiting(one) for one in (await self._client.queue()).waiting]

    async def metrics(self, uid: str) -> Sequence[tuple[str, str]]:
        """Latest value of each metric."""
        async with _in_words(self._seconds):
            return translate.metrics(await self._client.metrics(uid))

    async def history(self, uid: str) -> Sequence[Series]:
        """Its curves."""
        async with _in_words(self._seconds):
            return translate.series(await self._client.history(uid, max_points=CURVE_POINTS))

    async def logs(self, uid: str, lines: int) -> Sequence[str]:
        """Its last log lines."""
        async with _in_words(self._seconds):
            found = await self._client.logs(uid, limit=lines, tail=True)
        return [line.message for line in found.lines]

    async def models(self) -> Sequence[Model]:
        """The registry."""
        async with _in_words(self._seconds):
            return [translate.model(one) for one in (await self._client.models()).models]

    async def model(self, name: str) -> Model:
        """One model with the number of its versions."""
        async with _in_words(self._seconds):
            versions = (await self._client.versions(name)).models
        if not versions:
            raise GatewayError(Problem("not_found", f"there is no model {name!r}"))
        newest = max(versions, key=lambda one: one.version)
        return translate.model(newest, len(versions))

    async def download_model(self, name: str, into: Path) -> Path:
        """Its newest version as a file."""
        async with _in_words(self._seconds) as deadline:
            end = asyncio.get_running_loop().time() + DOWNLOAD_SECONDS

            def comes(_: int, __: int | None) -> None:
                """A file of which the first is there may take longer than an answer that is not."""
                deadline.reschedule(end)

            return await self._client.download_model(
                name, into / "model.safetensors", progress=comes
            )

    async def delete_model(self, name: str) -> None:
        """Delete it with all versions."""
        async with _in_words(self._seconds, writes=True):
            await self._client.delete_model(name)

    async def datasets(self) -> Sequence[Dataset]:
        """The datasets."""
        async with _in_words(self._seconds):
            return [translate.dataset(one) for one in (await self._client.datasets()).datasets]

    async def dataset(self, name: str) -> Dataset:
        """One dataset."""
        async with _in_words(self._seconds):
            return translate.dataset(await self._client.dataset(name))

    async def system(self) -> System:
        """Nodes and GPUs."""
        async with _in_words(self._seconds):
            return translate.system(await self._client.system_info())


@asynccontextmanager
async def _in_words(seconds: float, *, writes: bool = False) -> AsyncIterator[asyncio.Timeout]:
    """At most `seconds`, repetitions included, unless rescheduled; every failure as `GatewayError`."""
    deadline = asyncio.timeout(seconds)
    call = _Call("unsure" if writes else "timeout", deadline)
    mark = _call.set(call)
    try:
        async with deadline:
            yield deadline
        if call.page:
            raise GatewayError(Problem("garbled"))
    except TimeoutError as error:
        raise GatewayError(call.seen or Problem(call.silence)) from error
    except errors.TrainyardError as error:
        raise GatewayError(problem_of(error, call.silence)) from error
    finally:
        _call.reset(mark)


def _give_up_in_time(deadline: asyncio.Timeout, wait: float) -> None:
    """Nobody is kept waiting for a repetition that would come after the deadline."""
    now, end = asyncio.get_running_loop().time(), deadline.when()
    if end is not None and now + wait >= end:
        deadline.reschedule(now)


def problem_of(
    error: errors.TrainyardError, silence: Literal["timeout", "unsure"] = "timeout"
) -> Problem:
    """A client's error in the words of `messages.PROBLEMS`; `silence` is what no answer means for the call."""
    if isinstance(error, errors.ApiError):
        return _refused(error)
    if isinstance(error, errors.Unreachable):
        return _silent(error.__cause__, silence)
    if isinstance(error, errors.BadAnswer):
        return Problem("garbled")
    return Problem("other", str(error))


def _silent(error: BaseException | None, silence: Literal["timeout", "unsure"]) -> Problem:
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        return Problem("unreachable")
    late = isinstance(error, httpx.TimeoutException)
    return Problem(silence if late or silence == "unsure" else "unreachable")


def _refused(error: errors.ApiError) -> Problem:
    kind = _KINDS.get(error.status, "server" if error.status >= 500 else "other")
    if "type" not in error.problem:
        # Not the gateway's form of an error: something in between answered, and its page is of no use here.
        return Problem(kind if error.status >= 500 else "garbled", retry_after=error.retry_after)
    fields = tuple(
        (str(one.get("field") or "request"), str(one.get("message", ""))) for one in error.errors
    )
    detail = "" if fields and kind == "invalid" else str(error.problem.get("detail") or "")
    return Problem(kind, detail, fields, error.retry_after)
