"""The head of an answer goes with its body, and alone where the body comes later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest
import uvicorn
from poll import eventually_async
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from trainyard_gateway.http.protocol import BoundedHeadProtocol

BODY = b"a body"


class Counted:
    """A transport that counts what is written at once."""

    def __init__(self, transport: Any, writes: list[bytes]) -> None:
        self._transport, self._writes = transport, writes

    def write(self, data: bytes) -> None:
        self._writes.append(bytes(data))
        self._transport.write(data)

    def writelines(self, data: list[bytes]) -> None:
        self._writes.append(b"".join(data))
        self._transport.writelines(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Counting(BoundedHeadProtocol):
    """The protocol on counted transports."""

    writes: ClassVar[list[bytes]] = []

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(Counted(transport, self.writes))  # type: ignore[arg-type]


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers in the way that the path names."""
    event = asked_for.get(scope["path"])
    pieces = pieces_after(event) if event is not None else pieces_of(2)
    if scope["path"] == "/whole":
        await Response(BODY)(scope, receive, send)
    elif scope["path"] == "/empty":
        await Response(status_code=204)(scope, receive, send)
    elif scope["path"] == "/fails":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("as a test wants it")
    else:
        await StreamingResponse(pieces)(scope, receive, send)


asked_for: dict[str, asyncio.Event] = {}


async def pieces_of(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield BODY


async def pieces_after(event: asyncio.Event) -> AsyncIterator[bytes]:
    await event.wait()
    yield BODY


@pytest.fixture
async def port() -> AsyncIterator[int]:
    config = uvicorn.Config(
        application, port=0, http=Counting, log_config=None, lifespan="off",
        timeout_graceful_shutdown=1, server_header=False, date_header=False,
    )  # fmt: skip
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())

    async def started() -> bool:
        return server.started

    await eventually_async(started, every=0.01, what="the server's start")
    Counting.writes.clear()
    asked_for.clear()
    yield int(server.servers[0].sockets[0].getsockname()[1])
    server.should_exit = True
    await task


def asked(path: str, method: str = "GET", close: bool = False) -> bytes:
    more = "Connection: close\r\n" if close else ""
    return f"{method} {path} HTTP/1.1\r\nHost: a\r\n{more}\r\n".encode()


async def answer(port: int, *requests: bytes) -> bytes:
    """What comes back until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"".join(requests))
    found = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    return found


@pytest.mark.parametrize("close", [False, True], ids=["kept", "closed"])
@pytest.mark.parametrize(
    ("path", "method", "expected"),
    [
        ("/whole", "GET", BODY),
        ("/whole", "HEAD", b""),
        ("/empty", "GET", b""),
        ("/pieces", "GET", b"6\r\na body\r\n6\r\na body\r\n0\r\n\r\n"),
    ],
)
async def test_an_answer_is_whole(
    port: int, path: str, method: str, expected: bytes, close: bool
) -> None:
    last = [] if close else [asked("/whole", close=True)]

    found = await answer(port, asked(path, method, close), *last)

    head, _, rest = found.partition(b"\r\n\r\n")
    body = rest if close else rest[: len(rest) - len(rest.partition(b"HTTP/1.1 ")[2]) - 9]
    assert (head.startswith(b"HTTP/1.1 20"), body) == (True, expected)
    assert close or rest.endswith(BODY)


async def test_a_head_and_its_body_are_one_write(port: int) -> None:
    found = await answer(port, asked("/whole"), asked("/whole"), asked("/whole", close=True))

    assert found.count(BODY) == 3
    assert len(Counting.writes) == 3


async def test_a_head_does_not_wait_for_a_body_that_comes_later(port: int) -> None:
    asked_for["/later"] = asyncio.Event()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(asked("/later", close=True))

    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
    asked_for["/later"].set()
    rest = await asyncio.wait_for(reader.read(), 20)
    writer.close()

    assert head.startswith(b"HTTP/1.1 200")
    assert rest == b"6\r\na body\r\n0\r\n\r\n"


async def test_the_connection_of_an_answer_that_fails_is_closed(port: int) -> None:
    found = await answer(port, asked("/fails"))

    assert BODY not in found
