"""The guarantees of ListWatch, against a scripted stand-in for the API server's worst days over real HTTP.

The real API server is in tests/integration/kube; it cannot be made to expire, garble or fall silent on demand.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from trainyard_kube import (
    Applied,
    Change,
    Deleted,
    KubeClient,
    KubeConfig,
    Listed,
    ListWatch,
    Live,
    Stale,
    Synced,
)

PATH = "/apis/trainyard.io/v1alpha1/trainingsessions"
Script = Callable[[web.Request, web.StreamResponse], Awaitable[None]]


def session(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": str(version)}}


def event(kind: str, obj: dict[str, Any]) -> bytes:
    return json.dumps({"type": kind, "object": obj}).encode() + b"\n"


class ScriptedApiServer:
    """Answers lists from `pages` and each watch with the next script; after the last one watches stay open."""

    def __init__(self) -> None:
        self.pages = [[session("a", 5)]]
        self.expired = 0
        """So many requests for a further page are told that their token is too old."""
        self.scripts: list[Script] = []
        self.strange: list[str] = []
        """What comes first in the place of lists."""
        self.lists = 0
        self.watched_from: list[str] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            if self.strange:
                return web.Response(text=self.strange.pop(), content_type="text/html")
            return self.page(int(request.query.get("continue", 0)))
        self.watched_from.append(request.query["resourceVersion"])
        response = web.StreamResponse()
        await response.prepare(request)
        script = self.scripts.pop(0) if self.scripts else stay_open
        await script(request, response)
        return response

    def page(self, number: int) -> web.Response:
        self.lists += not number
        if number and self.expired:
            self.expired -= 1
            expired = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
            return web.json_response(expired, status=410)
        further = {"continue": str(number + 1)} if number + 1 < len(self.pages) else {}
        body = {
            "kind": "TrainingSessionList",
            "apiVersion": "trainyard.io/v1alpha1",
            "metadata": {"resourceVersion": "10", **further},
            "items": self.pages[number],
        }
        return web.json_response(body)


async def stay_open(request: web.Request, response: web.StreamResponse) -> None:
    await asyncio.Event().wait()


def say(*lines: bytes, then: Script | None = None) -> Script:
    async def script(request: web.Request, response: web.StreamResponse) -> None:
        for line in lines:
            await response.write(line)
        if then is not None:
            await then(request, response)

    return script


async def cut(request: web.Request, response: web.StreamResponse) -> None:
    """The connection breaks without the end of the chunked body."""
    assert request.transport is not None
    request.transport.close()


@asynccontextmanager
async def watching(
    server: ScriptedApiServer, **options: Any
) -> AsyncIterator[AsyncIterator[Change]]:
    app = web.Application()
    app.router.add_get(PATH, server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]  # aiohttp has no public way
    try:
        async with KubeClient(KubeConfig(server=f"http://127.0.0.1:{port}")) as kube:
            changes = aiter(ListWatch(kube, PATH, backoff=(0.01, 0.02), **options))
            try:
                yield changes
            finally:
                await changes.aclose()  # type: ignore[attr-defined]  # an async generator
    finally:
        await runner.cleanup()


async def take(changes: AsyncIterator[Change], count: int) -> list[Change]:
    async with asyncio.timeout(10):
        return [await anext(changes) for _ in range(count)]


async def test_lists_then_follows_the_watch_from_the_listed_version() -> None:
    server = ScriptedApiServer()
    server.scripts = [
        say(
            event("ADDED", session("b", 11)),
            event("DELETED", session("a", 12)),
            then=stay_open,
        )
    ]
    async with watching(server) as changes:
        got = await take(changes, 3)

    assert isinstance(got[0], Synced)
    assert list(got[0].objects) == ["uid-a"]
    assert got[1] == Applied(session("b", 11))
    assert got[2] == Deleted(session("a", 12))
    assert (server.lists, server.watched_from) == (1, ["10"])


async def test_listed_objects_carry_their_kind() -> None:
    async with watching(ScriptedApiServer()) as changes:
        [synced] = await take(changes, 1)

    assert isinstance(synced, Synced)
    assert synced.objects["uid-a"]["kind"] == "TrainingSession"


async def test_a_list_comes_page_by_page_to_those_who_ask_for_it() -> None:
    server = ScriptedApiServer()
    server.pages = [[session("a", 7), session("b", 8)], [session("c", 9)]]
    server.scripts = [say(event("DELETED", session("c", 12)), then=stay_open)]
    async with watching(server, by_page=True) as changes:
        got = await take(changes, 4)

    named = [[o["metadata"]["name"] for o in c.objects] for c in got[:2] if isinstance(c, Listed)]
    assert named == [["a", "b"], ["c"]]
    assert all(
        o["kind"] == "TrainingSession" for c in got[:2] if isinstance(c, Listed) for o in c.objects
    )
    assert isinstance(got[2], Synced)
    assert (got[2].objects, got[2].version) == ({}, 10)
    assert got[2].uids == {"uid-a", "uid-b", "uid-c"}
    assert got[3] == Deleted(session("c", 12))


async def test_pages_whose_continuation_has_expired_are_listed_again() -> None:
    server = ScriptedApiServer()
    server.pages = [[session("a", 7)], [session("b", 8)]]
    server.expired = 1
    async with watching(server, by_page=True) as changes:
        got = await take(changes, 4)

    assert [type(c) for c in got] == [Listed, Listed, Listed, Synced]
    assert isinstance(got[3], Synced)
    assert got[3].uids == {"uid-a", "uid-b"}


@pytest.mark.parametrize("code", [410], ids=["gone"])
async def test_an_expired_version_leads_to_one_new_list(code: int) -> None:
    server = ScriptedApiServer()
    gone = {"kind": "Status", "code": code, "reason": "Expired", "message": "too old"}
    server.scripts = [say(event("ERROR", gone), then=stay_open)]
    async with watching(server) as changes:
        got = await take(changes, 2)

    assert [type(c) for c in got] == [Synced, Synced]
    assert server.lists == 2


async def test_an_error_inside_the_stream_is_said_once_and_survived() -> None:
    server = ScriptedApiServer()
    failed = {"kind": "Status", "code": 500, "reason": "InternalError", "message": "etcd"}
    server.scripts = [
        say(event("ERROR", failed)),
        say(event("ADDED", session("b", 11)), then=stay_open),
    ]
    async with watching(server) as changes:
        got = await take(changes, 4)

    assert [type(c) for c in got] == [Synced, Stale, Live, Applied]
    assert server.lists == 1


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"<html>Bad Gateway</html>\n", id="a page of a load balancer"),
        pytest.param(b'{"type": "ADDED", "obj{"type"\n', id="half an event"),
        pytest.param(b"[]\n", id="no object"),
        pytest.param(b'{"type": "ADDED"}\n', id="an event about nothing"),
        pytest.param(event("MODIFIED", {"metadata": {}}), id="an event without a version"),
    ],
)
async def test_a_broken_line_is_said_once_and_survived(line: bytes) -> None:
    server = ScriptedApiServer()
    server.scripts = [say(line), say(event("ADDED", session("b", 11)), then=stay_open)]
    async with watching(server) as changes:
        got = await take(changes, 4)

    assert [type(c) for c in got] == [Synced, Stale, Live, Applied]
    assert server.watched_from == ["10", "10"]


@pytest.mark.parametrize("text", ["<html>Welcome</html>", "[]", '{"message": "ok"}'])
async def test_what_is_no_list_is_no_answer(text: str) -> None:
    server = ScriptedApiServer()
    server.strange.append(text)
    async with watching(server) as changes:
        got = await take(changes, 2)

    assert [type(c) for c in got] == [Stale, Synced]


async def test_a_broken_connection_continues_from_the_last_version_seen() -> None:
    server = ScriptedApiServer()
    server.scripts = [
        say(event("ADDED", session("b", 11)), then=cut),
        say(event("ADDED", session("c", 12)), then=stay_open),
    ]
    async with watching(server) as changes:
        got = await take(changes, 5)

    assert [type(c) for c in got] == [Synced, Applied, Stale, Live, Applied]
    assert server.watched_from == ["10", "11"]


async def test_a_bookmark_moves_the_version_without_a_change() -> None:
    server = ScriptedApiServer()
    server.scripts = [
        say(event("BOOKMARK", {"metadata": {"resourceVersion": "99"}})),
        say(event("ADDED", session("b", 100)), then=stay_open),
    ]
    async with watching(server) as changes:
        got = await take(changes, 2)

    assert [type(c) for c in got] == [Synced, Applied]
    assert server.watched_from == ["10", "99"]


async def test_a_silent_stream_is_given_up_and_opened_again() -> None:
    server = ScriptedApiServer()
    server.scripts = [stay_open, say(event("ADDED", session("b", 11)), then=stay_open)]
    async with watching(server, inactivity_seconds=0.2) as changes:
        got = await take(changes, 4)

    assert [type(c) for c in got] == [Synced, Stale, Live, Applied]


async def test_lines_longer_than_a_buffer_arrive_whole() -> None:
    server = ScriptedApiServer()
    large = session("b", 11) | {"spec": {"text": "x" * 300_000}}
    server.scripts = [say(event("ADDED", large), then=stay_open)]
    async with watching(server) as changes:
        got = await take(changes, 2)

    assert got[1] == Applied(large)


async def test_no_server_at_all_is_said_once_and_tried_again() -> None:
    async with KubeClient(KubeConfig(server="http://127.0.0.1:9")) as kube:
        changes = aiter(ListWatch(kube, PATH, backoff=(0.01,)))
        [first] = await take(changes, 1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await anext(changes)

    assert isinstance(first, Stale)
    assert "127.0.0.1:9" in first.reason
