"""Heads and trailers are bounded before authentication, and trailers never become headers."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from collections.abc import AsyncIterator

import pytest
import uvicorn
from poll import eventually_async
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from trainyard_gateway.http.connections import Clocks, ConnectionCounts, Deadlines, overdue
from trainyard_gateway.http.protocol import MAX_HEAD, MOST_PIPELINED, BoundedHeadProtocol

HEAD = b"POST /read HTTP/1.1\r\nHost: gateway\r\nTransfer-Encoding: chunked\r\n\r\n"
REFUSING = HEAD.replace(b"/read", b"/refuse")
SENT = 400 * MAX_HEAD
"""Bytes of a flood: far more than what a socket holds by itself."""


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers the body's size and the headers, or refuses without reading."""
    request = Request(scope, receive)
    if scope["path"] == "/refuse":
        await Response(status_code=401)(scope, receive, send)
        return
    try:
        body = await request.body()
    except ClientDisconnect:
        return
    headers = [name.decode() for name, _ in scope["headers"]]
    await JSONResponse({"bytes": len(body), "headers": headers})(scope, receive, send)


class Hurried(BoundedHeadProtocol):
    """The protocol with short deadlines and few connections."""

    deadlines = Deadlines(head=0.3, body=0.3, rest=0.3, answer=0.5, look=0.05)
    counts = ConnectionCounts(most_of_address=5)


@pytest.fixture
async def port(request: pytest.FixtureRequest) -> AsyncIterator[int]:
    config = uvicorn.Config(
        application,
        port=0,
        http=getattr(request, "param", BoundedHeadProtocol),
        log_config=None,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())

    async def started() -> bool:
        return server.started

    await eventually_async(started, every=0.01, what="the server's start")
    yield int(server.servers[0].sockets[0].getsockname()[1])
    server.should_exit = True
    await task


async def exchange(port: int, *pieces: bytes, flood: bytes = b"") -> tuple[bytes, int]:
    """What comes back until the server closes, and how many bytes of the flood it took."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    taken = 0
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        while flood and taken < SENT:
            writer.write(flood)
            await writer.drain()
            taken += len(flood)
            # Let the server read: both run in this event loop.
            await asyncio.sleep(0)
    except ConnectionError:
        pass
    try:
        answer = await asyncio.wait_for(reader.read(), 10)
    except ConnectionError:
        answer = b""
    writer.close()
    return answer, taken


CLOSE = b"Connection: close\r\n"
LINE = b"X-A: " + b"b" * 1000 + b"\r\n"


@pytest.mark.parametrize(
    ("start", "flood"),
    [
        (HEAD + b"0\r\n", LINE),
        (HEAD + b"0\r\nX-A: ", b"b" * 1000),
        (HEAD + b"0\r\n" + b"a" * 10, b"a" * 1000),
        (HEAD + b"5\r\nhello\r\n0\r\n", LINE),
        (REFUSING + b"0\r\n", LINE),
        (REFUSING + b"0\r\nX-A: ", b"b" * 1000),
        (b"GET / HTTP/1.1\r\n", LINE),
    ],
    ids=[
        "trailers", "one value", "one name", "after a body", "refused", "refused, one value", "head",
    ],
)  # fmt: skip
async def test_a_flood_is_cut_off_without_memory(port: int, start: bytes, flood: bytes) -> None:
    tracemalloc.start()
    try:
        answer, taken = await exchange(port, start, flood=flood)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert taken < SENT, "the connection was cut before all was sent"
    assert peak < 8 << 20
    assert answer.count(b"HTTP/1.1") <= 1, "no second response for one request"


async def test_trailers_are_dropped(port: int) -> None:
    trailers = b"0\r\nX-API-Key: key\r\nAuthorization: Bearer key\r\n\r\n"
    request = HEAD.replace(b"Host", CLOSE + b"Host")
    answer, _ = await exchange(port, request, b"5\r\nhello\r\n", trailers)
    body = json.loads(answer.partition(b"\r\n\r\n")[2])

    assert body == {"bytes": 5, "headers": ["connection", "host", "transfer-encoding"]}


@pytest.mark.parametrize("size", [1, 7, 1000], ids=lambda n: f"{n} bytes a chunk")
async def test_a_body_of_many_small_chunks_is_read(port: int, size: int) -> None:
    chunk = b"%x\r\n%b\r\n" % (size, b"x" * size)
    count = 3 * MAX_HEAD // len(chunk)
    request = HEAD.replace(b"Host", CLOSE + b"Host")
    answer, _ = await exchange(port, request, chunk * count, b"0\r\n\r\n")

    assert json.loads(answer.partition(b"\r\n\r\n")[2])["bytes"] == size * count


async def test_a_chunk_whose_bytes_come_one_by_one_is_read(port: int) -> None:
    request = HEAD.replace(b"Host", CLOSE + b"Host") + b"5\r\nhello\r\n0\r\n\r\n"
    answer, _ = await exchange(port, *(request[n : n + 1] for n in range(len(request))))

    assert json.loads(answer.partition(b"\r\n\r\n")[2])["bytes"] == 5


hurried = pytest.mark.parametrize("port", [Hurried], ids=["short deadlines"], indirect=True)


@hurried
@pytest.mark.parametrize(
    ("start", "status"),
    [
        (b"", b"408"),
        (b"GET / HT", b"408"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", b"408"),
        (HEAD, b"408"),
        (HEAD + b"5\r\nhel", b"408"),
        (REFUSING, b"401"),
    ],
    ids=["nothing", "a line", "headers", "no body", "half a body", "refused, no body"],
)
async def test_who_sends_nothing_more_is_cut_off(port: int, start: bytes, status: bytes) -> None:
    answer, _ = await exchange(port, start)

    assert answer.startswith(b"HTTP/1.1 " + status)


@hurried
async def test_an_endless_body_that_is_refused_is_cut_off(port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REFUSING)

    async def send_on() -> None:
        while True:
            writer.write(b"1\r\nx\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    with pytest.raises(ConnectionError):
        await asyncio.wait_for(send_on(), 10)
    writer.close()


@hurried
async def test_one_address_has_so_many_connections(port: int) -> None:
    idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
    answer, _ = await exchange(port)
    for _, writer in idle:
        writer.close()

    assert answer.startswith(b"HTTP/1.1 503")


@pytest.mark.parametrize(
    ("clocks", "late"),
    [
        (Clocks(), None),
        (Clocks(head=80.0), None),
        (Clocks(head=79.0), "head"),
        (Clocks(body=69.0), "body"),
        (Clocks(body=69.0, body_bytes=4096), None),
        (Clocks(rest=94.0), "rest"),
        (Clocks(answer=39.0), "answer"),
        (Clocks(answer=41.0), None),
    ],
    ids=["idle", "in time", "head", "body", "fast body", "rest", "answer", "slow answer"],
)
def test_what_a_client_is_too_slow_with(clocks: Clocks, late: str | None) -> None:
    assert overdue(clocks, Deadlines(), 100.0) == late


async def test_few_requests_of_a_connection_wait_for_the_answer_to_an_earlier_one(
    port: int,
) -> None:
    begun = b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
    many = b"GET /refuse HTTP/1.1\r\nHost: x\r\n\r\n" * 8000
    tracemalloc.start()
    try:
        answer, _ = await exchange(port, begun + b"abcd" + many)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert answer.count(b"HTTP/1.1") <= 1, "cut off, with a reason if the client reads it"
    # Each of them is some kilobytes once it is parsed.
    assert peak < 4 << 20


async def test_requests_that_are_sent_after_each_other_get_their_answers(port: int) -> None:
    several = b"GET /refuse HTTP/1.1\r\nHost: x\r\n\r\n" * (MOST_PIPELINED - 1)
    last = b"GET /refuse HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer, _ = await exchange(port, several + last)

    assert answer.count(b"401 Unauthorized") == MOST_PIPELINED
