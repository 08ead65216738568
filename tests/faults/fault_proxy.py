"""A proxy between a program and the API server that carries out one fault at one request.

It delivers what a real API server and a real network may deliver, and nothing else: a watch keeps its order, a list is the state
of one moment, and an answer is the API server's own or an error that it may give.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import aiohttp
from aiohttp import web
from fault_plan import KILLING, Call, Fault, Kind, resource_of, what_of
from proxy_answers import EXPIRED, REFUSALS, Answer, WatchStream, aborted, answered, cut, refusal

from trainyard_kube import KubeConfig

_OF_A_HOP: Final = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "host"}
)
_WORKLOADS: Final = frozenset({"jobs", "pods"})
SLOW_SECONDS: Final = 0.3
"""How much later each request and event comes while the API server is slow."""
SLOW_FACTOR: Final = 3.0
"""It is slow for this many times as long as other faults last."""
_LAGGING: Final = {Kind.LAG: _WORKLOADS, Kind.LAG_SESSIONS: frozenset({"trainingsessions"})}


@dataclass
class Trial:
    """What happened since the last `FaultProxy.begin`."""

    fault: Fault | None = None
    counts: Counter[str] = field(default_factory=Counter)
    """Mutating requests by kind."""
    struck: float | None = None
    """When the fault came, in monotonic seconds."""
    over: float | None = None
    """When it was over."""
    version: str = ""
    """resourceVersion of the last change that the program knows to be made by itself."""
    stale: str = ""
    """The version of all lists from now on; empty while they are current."""
    last_write: float = 0.0
    """When the last mutating request came, the Lease's apart."""

    def comes_now(self, what: str) -> bool:
        """Whether the request that was just counted is the one of the fault."""
        if self.fault is None or self.struck is not None:
            return False
        return (self.fault.call.what, self.fault.call.number) == (what, self.counts[what])


class FaultProxy:
    """Runs in a thread; all methods may be called from anywhere."""

    def __init__(self, config: KubeConfig) -> None:
        self._config = config
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: web.AppRunner | None = None
        self._http: aiohttp.ClientSession | None = None
        self._watches: set[WatchStream] = set()
        self._held: dict[str, float] = {}
        """By resource, until when its watches deliver nothing, in monotonic seconds."""
        self._closed_until = self._failing_until = self._slow_until = 0.0
        self._expire: set[str] = set()
        self.trial = Trial()
        self.kill: Callable[[], None] = lambda: None
        """Ends the program at once."""
        self.freeze: Callable[[], None] = lambda: None
        """Stops it; whoever set this continues it."""
        self.url = ""

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(timeout=30)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(timeout=60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=30)
        self._loop.close()

    def begin(self, fault: Fault | None, version: str) -> Trial:
        """Count from zero and plan `fault`; `version` is the cluster's resourceVersion now."""
        self.trial = Trial(fault, version=version)
        self._held.clear()
        self._expire.clear()
        self._closed_until = self._failing_until = self._slow_until = 0.0
        return self.trial

    @property
    def open_watches(self) -> int:
        """How many watches there are now."""
        return len(self._watches)

    def trouble(self, kind: Kind, seconds: float = 0.0) -> None:
        """Carry out a fault of the watches now, without a request that brings it on."""
        fault = Fault(kind, Call("", 0), seconds)
        what = self._silence if kind is Kind.SILENT else partial(self._trouble_watches, fault)
        self._loop.call_soon_threadsafe(what)

    async def _start(self) -> None:
        self._http = aiohttp.ClientSession(
            base_url=self._config.server,
            connector=aiohttp.TCPConnector(limit=0, ssl=self._config.ssl_context()),
            timeout=aiohttp.ClientTimeout(total=None, connect=30),
            auto_decompress=True,
        )
        application = web.Application(client_max_size=64 * 2**20)
        application.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(
            application, access_log=None, shutdown_timeout=1.0, handler_cancellation=True
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _stop(self) -> None:
        for watch in list(self._watches):
            watch.abort()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._http is not None:
            await self._http.close()

    # ── one request ───────────────────────────────────────────────────────────────────────────

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if time.monotonic() < self._closed_until:
            return aborted(request)
        trial, what = self.trial, what_of(request.method, request.path)
        if what is not None:
            trial.counts[what] += 1
            if not what.endswith(" leases"):
                trial.last_write = time.monotonic()
            fault = trial.fault
            if fault is not None and trial.comes_now(what):
                trial.struck = time.monotonic()
                return await self._strike(request, fault, trial)
        if time.monotonic() < self._failing_until:
            return refusal(Kind.ERROR)
        try:
            if request.query.get("watch") in ("true", "1"):
                return await self._watch(request)
            return answered(*await self._forward(request))
        except (aiohttp.ClientError, OSError):
            return aborted(request)

    async def _strike(self, request: web.Request, fault: Fault, trial: Trial) -> web.StreamResponse:
        before = trial.version
        if fault.kind is Kind.KILL_BEFORE:
            self.kill()
            return aborted(request)
        if fault.kind in REFUSALS:
            trial.over = time.monotonic()
            if fault.kind is Kind.ERRORS:
                self._failing_until = trial.over = trial.over + fault.seconds
            return refusal(fault.kind)
        if fault.kind is Kind.SLOW:
            self._slow_until = trial.over = time.monotonic() + SLOW_FACTOR * fault.seconds
        if fault.kind is Kind.DELAY:
            await asyncio.sleep(fault.seconds)
        answer = await self._forward(request)
        if fault.kind is Kind.TWICE:
            answer = await self._forward(request)
        return await self._after(request, fault, trial, before, answer)

    async def _after(
        self, request: web.Request, fault: Fault, trial: Trial, before: str, answer: Answer
    ) -> web.StreamResponse:
        """The request was carried out."""
        if fault.kind in KILLING:
            if fault.kind is Kind.STALE:
                trial.stale = before
                self._hold(None, fault.seconds)
            self.kill()
            return aborted(request)
        if fault.kind is Kind.FROZEN:
            self.freeze()
            return answered(*answer)
        if fault.kind is Kind.SILENT:
            self._silence()
            return answered(*answer)
        trial.over = trial.over or time.monotonic()
        self._trouble_watches(fault)
        if fault.kind is Kind.UNCLEAR:
            return refusal(fault.kind)
        if fault.kind in (Kind.LOST, Kind.OUTAGE):
            return aborted(request)
        return await cut(request, answer) if fault.kind is Kind.CUT else answered(*answer)

    def _trouble_watches(self, fault: Fault) -> None:
        """What the fault does to the watches."""
        if fault.kind in _LAGGING:
            self._hold(_LAGGING[fault.kind], fault.seconds)
        elif fault.kind is Kind.UNSEEN:
            self._hold(None, fault.seconds)
            self._later(fault.seconds * 0.9, self._expire_all)
        elif fault.kind in (Kind.STREAM_ERROR, Kind.DROPPED):
            self._break(fault.kind)
        elif fault.kind is Kind.OUTAGE:
            self._close(fault.seconds)

    def _hold(self, resources: frozenset[str] | None, seconds: float) -> None:
        """Deliver nothing of these watches (None: of all) for a while; the fault is over then."""
        until = time.monotonic() + seconds
        for resource in resources or {"*"}:
            self._held[resource] = until
        self.trial.over = until

    def _later(self, seconds: float, what: Callable[[], None]) -> None:
        self._loop.call_later(seconds, what)

    def _expire_all(self) -> None:
        """Break all watches; until each collection is listed again, their versions are too old."""
        for watch in list(self._watches):
            self._expire.add(watch.path)
            watch.abort()
        self._held.clear()
        self.trial.over = time.monotonic()

    def _break(self, kind: Kind) -> None:
        for watch in list(self._watches):
            watch.break_off(kind)

    def _silence(self) -> None:
        """Deliver nothing more on the watches there are; `_watch` notes when the last one is given up."""
        for watch in list(self._watches):
            watch.silence()

    def _close(self, seconds: float) -> None:
        """Answer nothing any more for a while."""
        self._closed_until = self.trial.over = time.monotonic() + seconds
        for watch in list(self._watches):
            watch.abort()

    # ── the API server ────────────────────────────────────────────────────────────────────────

    async def _forward(self, request: web.Request) -> Answer:
        if self._http is None:
            raise RuntimeError("the proxy is not started")
        await self._slow_down()
        body, query = await request.read(), dict(request.query)
        lists = request.method == "GET" and "limit" in query and "watch" not in query
        if lists:
            self._expire.discard(request.path)
        if lists and self.trial.stale and "continue" not in query:
            query |= {"resourceVersion": self.trial.stale, "resourceVersionMatch": "Exact"}
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _OF_A_HOP}
        async with self._http.request(
            request.method, request.path, params=query, data=body or None, headers=headers
        ) as response:
            content = await response.read()
            kept = {k: v for k, v in response.headers.items() if k.lower() not in _OF_A_HOP}
            if request.method != "GET" and response.status < 300:
                self._note_version(content)
            return response.status, kept, content

    def _note_version(self, content: bytes) -> None:
        with suppress(ValueError, KeyError, TypeError):
            self.trial.version = json.loads(content)["metadata"]["resourceVersion"]

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        if self._http is None:
            raise RuntimeError("the proxy is not started")
        if request.path in self._expire:
            # The API server says so inside of a stream that it opened with 200.
            line = json.dumps({"type": "ERROR", "object": EXPIRED})
            return web.Response(text=f"{line}\n", content_type="application/json")
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _OF_A_HOP}
        async with self._http.get(request.path, params=dict(request.query), headers=headers) as far:
            near = web.StreamResponse(status=far.status)
            near.content_type = "application/json"
            await near.prepare(request)
            watch = WatchStream(request, near)
            self._watches.add(watch)
            try:
                async for chunk in far.content.iter_any():
                    await self._until_released(request.path)
                    await self._slow_down()
                    await watch.write(chunk)
            except (aiohttp.ClientError, OSError):
                watch.abort()
            finally:
                self._watches.discard(watch)
                if watch.silent and not any(w.silent for w in self._watches):
                    self.trial.over = time.monotonic()
            return near

    async def _slow_down(self) -> None:
        if time.monotonic() < self._slow_until:
            await asyncio.sleep(SLOW_SECONDS)

    async def _until_released(self, path: str) -> None:
        while True:
            until = max(self._held.get("*", 0.0), self._held.get(resource_of(path), 0.0))
            left = until - time.monotonic()
            if left <= 0:
                return
            await asyncio.sleep(min(left, 0.1))
