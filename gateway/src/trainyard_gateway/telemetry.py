"""Prometheus metrics of the gateway.

They are labelled by route template, so that their number stays bounded.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from prometheus_client import Counter, Histogram

from trainyard_api.report import Batch
from trainyard_gateway.store.reports.backlog import count_points

REQUESTS = Counter(
    "trainyard_gateway_requests_total", "Answered requests.", ["method", "route", "status"]
)
SECONDS = Histogram(
    "trainyard_gateway_request_seconds",
    "Time from a request's first byte to the end of its answer, in seconds.",
    ["method", "route"],
)
POINTS = Counter("trainyard_gateway_points_total", "Metric values taken in.")
LINES = Counter("trainyard_gateway_log_lines_total", "Log lines taken in.")
DUPLICATES = Counter(
    "trainyard_gateway_duplicate_batches_total", "Batches that were there already."
)
STATUS_WRITES = Counter(
    "trainyard_gateway_status_writes_total", "Patches of session status sent to the API server."
)
STATUS_FAILURES = Counter(
    "trainyard_gateway_status_write_failures_total", "Patches of session status that failed."
)
RECEIVED = Counter("trainyard_gateway_received_bytes_total", "Bytes of uploads taken in.")
GPU_SECONDS = Counter(
    "trainyard_gateway_gpu_seconds_total",
    "GPU-seconds of attempts that are over, also of earlier ones; of many users the last are other.",
    ["queue", "user"],
)
NOTICES = Counter(
    "trainyard_gateway_notices_total",
    "Tries to deliver notices: delivered, failed and to be tried again, or dead; and dropped notices.",
    ["outcome"],
)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def count(scope: Any, status: int, seconds: float) -> None:
    """Count one answered request by route, method and status."""
    route = getattr(scope.get("route"), "path", "unknown")
    method = scope["method"] if scope["method"] in _METHODS else "other"
    requests, durations = _children(method, route, status)
    requests.inc()
    durations.observe(seconds)


def took(batch: Batch, duplicate: bool) -> None:
    """One acknowledged batch of reports."""
    if duplicate:
        DUPLICATES.inc()
        return
    if batch.metrics or batch.runs:
        POINTS.inc(count_points([batch]))
    if batch.logs:
        LINES.inc(len(batch.logs))


@cache
def _children(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """Cached: looking a metric up by its labels takes longer than counting.

    There are as many as routes and statuses.
    """
    return REQUESTS.labels(method, route, status), SECONDS.labels(method, route)
