"""RequestMiddleware bounds bodies by router, and lets routes that stream lift the bound."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Never

import httpx
import pytest
from fastapi import Body, FastAPI, Request
from starlette.types import Receive, Scope, Send

from trainyard_gateway.http import problems
from trainyard_gateway.http.middleware import RequestMiddleware
from trainyard_gateway.http.policy import DEFAULT, MAX_BODY, BodyBound, RouterPolicies, RouterPolicy
from trainyard_gateway.routes.deps import body_chunks

OWN_TOKEN = RouterPolicy(api_key=False, body=None)
SMALL = RouterPolicy(api_key=False, body=BodyBound(10))
POLICIES = {"/small": SMALL, "/open": RouterPolicy(api_key=False), "/report": OWN_TOKEN}


@pytest.mark.parametrize(
    ("path", "policy"),
    [
        ("/report/batches", OWN_TOKEN),
        ("/report/../keys", OWN_TOKEN),
        ("/report", DEFAULT),
        ("/reports", DEFAULT),
        ("/", DEFAULT),
        ("", DEFAULT),
    ],
    ids=["below", "not resolved", "the prefix itself", "a longer name", "root", "empty"],
)
def test_only_what_lies_below_a_prefix_is_exempt_from_api_keys(
    path: str, policy: RouterPolicy
) -> None:
    assert RouterPolicies(POLICIES).of(path) == policy


def no_authenticator() -> Never:
    """Nor an audit log: without a caller there is no event."""
    raise AssertionError("these routes need no API key")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    problems.add_exception_handlers(app, lambda _: ())

    @app.post("/small/parsed")
    @app.post("/open/parsed")
    async def parsed(body: bytes = Body()) -> int:
        return len(body)

    @app.post("/small/streamed")
    async def streamed(request: Request) -> int:
        return sum([len(chunk) async for chunk in body_chunks(request)])

    app.add_middleware(
        RequestMiddleware,
        stale=lambda: False,
        authenticator=no_authenticator,
        policies=RouterPolicies(POLICIES),
        trail=no_authenticator,
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as found:
        yield found


async def undeclared(size: int) -> AsyncIterator[bytes]:
    """A body without Content-Length."""
    for start in range(0, size, 65_536):
        yield b"x" * min(65_536, size - start)


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        ("/small/parsed", 10, 200),
        ("/small/parsed", 11, 413),
        ("/open/parsed", MAX_BODY, 200),
        ("/open/parsed", MAX_BODY + 1, 413),
        ("/small/streamed", 1_000_000, 200),
    ],
    ids=["at its bound", "above it", "at the default", "above the default", "streamed"],
)
@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
async def test_bodies_end_at_the_bound_of_their_router(
    client: httpx.AsyncClient, path: str, size: int, status: int, declared: bool
) -> None:
    content = b"x" * size if declared else undeclared(size)
    headers = {"Content-Type": "application/octet-stream"}

    answer = await client.post(path, content=content, headers=headers)

    assert answer.status_code == status
    if status == 200:
        assert answer.json() == size
    else:
        assert answer.json()["title"] == "Too large"


async def test_the_body_is_dropped_when_the_answer_begins() -> None:
    """The answer may be read late, and the request's state stays until then."""
    held: list[bytes | None] = []

    async def answers(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        held.append(scope["state"].get("body"))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        held.append(scope["state"].get("body"))
        await send({"type": "http.response.body", "body": b""})

    app = RequestMiddleware(
        answers, lambda: False, no_authenticator, RouterPolicies(POLICIES), no_authenticator
    )
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://gateway"
    ) as http:
        await http.post("/small/x", content=b"body")

    assert held == [b"body", None]
