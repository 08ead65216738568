"""What the bot makes of the gateway's silence, refusals and strangers, without a network."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from bot_objects import session

from trainyard import AsyncClient
from trainyard.models import SessionPage
from trainyard_bot.gateway.client import GatewayClient
from trainyard_bot.gateway.deadline import TracingTransport
from trainyard_bot.gateway.errors import GatewayError

Operation = Callable[[GatewayClient], Awaitable[object]]
# ruff: noqa: E731  four operations in four lines
QUEUE: Operation = lambda gateway: gateway.read(lambda api: api.queue())
STOP: Operation = lambda gateway: gateway.write(lambda api: api.stop("u"))
START: Operation = lambda gateway: gateway.write(
    lambda api: api.start_training({}, "a", idempotency_key="key")
)
DELETE: Operation = lambda gateway: gateway.write(lambda api: api.delete_model("m"))


def gateway(
    answer: Callable[[httpx.Request], httpx.Response], seconds: float = 60
) -> GatewayClient:
    transport = TracingTransport(httpx.MockTransport(answer))
    return GatewayClient(AsyncClient("http://gateway", "key", transport=transport), seconds)


def raises(error: Exception) -> Callable[[httpx.Request], httpx.Response]:
    def answer(_: httpx.Request) -> httpx.Response:
        raise error

    return answer


async def kind(operation: Operation, answer: Callable[[httpx.Request], httpx.Response]) -> str:
    with pytest.raises(GatewayError) as caught:
        # Time runs out while the client waits to repeat it.
        await operation(gateway(answer, 0.01))
    return caught.value.problem.kind


@pytest.mark.parametrize(
    ("operation", "error", "expected"),
    [
        (QUEUE, httpx.ConnectError("refused"), "unreachable"),
        (QUEUE, httpx.ReadError("reset"), "unreachable"),
        (QUEUE, httpx.ReadTimeout("late"), "timeout"),
        (STOP, httpx.ConnectError("refused"), "unreachable"),
        (STOP, httpx.ConnectTimeout("late"), "unreachable"),
        (STOP, httpx.ReadError("reset"), "unknown_outcome"),
        (START, httpx.ReadTimeout("late"), "unknown_outcome"),
        (DELETE, httpx.RemoteProtocolError("cut"), "unknown_outcome"),
    ],
    ids=["read, refused", "read, cut", "read, late", "stop, refused", "stop, late to connect", "stop, cut",
         "start, late", "delete, cut"],
)  # fmt: skip
async def test_silence_after_a_write_leaves_open_whether_it_was_done(
    operation: Operation, error: Exception, expected: str
) -> None:
    assert await kind(operation, raises(error)) == expected


@pytest.mark.parametrize(
    ("operation", "connected", "expected"),
    [
        (QUEUE, False, "unreachable"),
        (STOP, False, "unreachable"),
        (QUEUE, True, "timeout"),
        (STOP, True, "unknown_outcome"),
    ],
    ids=["read, not connected", "stop, not connected", "read, connected", "stop, connected"],
)
async def test_time_that_runs_out_while_connecting_is_no_silence(
    operation: Operation, connected: bool, expected: str
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, ExitStack() as stack:
        # Nothing accepts: there is room for one connection, and the next one waits.
        for _ in range(0 if connected else 2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        transport = TracingTransport(httpx.AsyncHTTPTransport())
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        client = GatewayClient(AsyncClient(url, "key", transport=transport), 0.5)

        with pytest.raises(GatewayError) as caught:
            await operation(client)
        await client.close()

    assert caught.value.problem.kind == expected


@pytest.mark.parametrize("operation", [QUEUE, STOP, DELETE], ids=["queue", "stop", "delete"])
async def test_a_web_page_is_no_success(operation: Operation) -> None:
    page = httpx.Response(200, html="<p>Please log in to this network</p>")
    assert await kind(operation, lambda _: page) == "not_the_gateway"


@pytest.mark.parametrize("status", [429, 503])
async def test_nobody_waits_for_a_repetition_that_would_come_too_late(status: int) -> None:
    calls = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return httpx.Response(status, headers={"Retry-After": "60"})

    with pytest.raises(GatewayError) as caught:
        await asyncio.wait_for(QUEUE(gateway(answer)), 10)

    assert caught.value.problem.retry_after == 60
    assert len(calls) == 1


async def test_a_file_that_comes_may_take_longer_than_an_answer(tmp_path: Path) -> None:
    seconds = 0.2

    async def content() -> AsyncIterator[bytes]:
        yield b"safe"
        await asyncio.sleep(2 * seconds)
        yield b"tensors"

    headers = {"X-Content-SHA256": hashlib.sha256(b"safetensors").hexdigest()}
    answer = httpx.Response(200, headers=headers, content=content())
    path = await gateway(lambda _: answer, seconds).download_model("m", tmp_path)

    assert path.read_bytes() == b"safetensors"


async def test_a_file_that_does_not_come_is_given_up_as_soon_as_an_answer(tmp_path: Path) -> None:
    refused = raises(httpx.ConnectError("refused"))
    with pytest.raises(GatewayError) as caught:
        await asyncio.wait_for(gateway(refused, 0.01).download_model("m", tmp_path), 10)

    assert caught.value.problem.kind == "unreachable"


async def test_sessions_that_are_not_wanted_are_dropped_page_by_page() -> None:
    asked: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        cursor = request.url.params.get("cursor")
        asked.append(cursor)
        number = int(cursor or 0)
        listed = [
            session("Running", f"open-{number}", f"u-{number}"),
            session("Succeeded", f"ended-{number}", f"e-{number}"),
        ]
        following = str(number + 1) if number < 2 else None
        page = SessionPage(sessions=listed, total=6, cursor=following)
        return httpx.Response(200, json=page.wire())

    found = await gateway(answer).sessions(lambda one: not one.finished)

    assert [one.name for one in found] == ["open-0", "open-1", "open-2"]
    assert asked == [None, "1", "2"]
