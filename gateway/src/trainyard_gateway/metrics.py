"""Prometheus metrics of the gateway, labelled by route template so that their number stays bounded."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import Counter, Histogram
from starlette.requests import Request

REQUESTS = Counter("trainyard_gateway_requests_total", "Requests.", ["method", "route", "status"])
SECONDS = Histogram(
    "trainyard_gateway_request_seconds", "Duration of requests.", ["method", "route"]
)


@dataclass(slots=True)
class Outcome:
    """How a request ended."""

    status: int = 500


@contextmanager
def timed(request: Request) -> Iterator[Outcome]:
    """Count and time one request."""
    outcome, started = Outcome(), time.perf_counter()
    try:
        yield outcome
    finally:
        route = request.scope.get("route")
        path = getattr(route, "path", "unknown")
        REQUESTS.labels(request.method, path, outcome.status).inc()
        SECONDS.labels(request.method, path).observe(time.perf_counter() - started)
