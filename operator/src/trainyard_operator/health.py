"""/healthz, /readyz and /metrics over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

Check = Callable[[], list[str]]
"""What is wrong, one sentence each; empty when all is well."""


class HealthServer:
    """Two small servers: health on one port, metrics on another."""

    def __init__(self) -> None:
        self._runners: list[web.AppRunner] = []
        self.ports: list[int] = []
        """The ports that are listened on, in the order of `start` calls."""

    async def start_health(self, port: int, healthy: Check, ready: Check) -> None:
        """Serve /healthz and /readyz: 200 `ok`, or 503 with what is wrong."""
        app = web.Application()
        app.router.add_get("/healthz", _endpoint(healthy))
        app.router.add_get("/readyz", _endpoint(ready))
        await self._serve(app, port)

    async def start_metrics(
        self, port: int, registry: CollectorRegistry, refresh: Callable[[], None]
    ) -> None:
        """Serve /metrics; `refresh` sets gauges that are only known when asked."""

        async def metrics(_: web.Request) -> web.Response:
            refresh()
            return web.Response(
                body=generate_latest(registry),
                headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
            )

        app = web.Application()
        app.router.add_get("/metrics", metrics)
        await self._serve(app, port)

    async def stop(self) -> None:
        """Close both servers, health and metrics."""
        for runner in self._runners:
            await runner.cleanup()

    async def _serve(self, app: web.Application, port: int) -> None:
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        config = web.TCPSite(runner, port=port, shutdown_timeout=1.0)
        await config.start()
        self._runners.append(runner)
        self.ports.append(runner.addresses[0][1])


def _endpoint(check: Check) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        problems = check()
        if problems:
            return web.Response(status=503, text="\n".join(problems) + "\n")
        return web.Response(text="ok\n")

    return answer
