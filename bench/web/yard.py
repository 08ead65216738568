"""What is in the gateway before someone looks: a thousand sessions, long curves, a long log, live reports."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import httpx
import load
import uvloop
from cluster import api_client
from gateway_lab import GatewayLab
from kubernetes import client
from load import NOW, Client

from trainyard_api import names
from trainyard_api.timestamps import now_text

REPORTING = 100
"""Sessions with a curve; of the others there is a row."""
DELAYS = 10
"""Values whose way to the page is measured."""
LINES_AT_ONCE = 1000
_WORDS = "loss 1.2345 accuracy 0.6789 samples per second 1234"


def spike(number: int) -> int:
    """The step at which a run has one high value: far enough apart to count them on a screen."""
    return 100 + 199 * number


def sessions(lab: GatewayLab, count: int) -> list[Client]:
    """So many sessions, of which the first have trainers."""
    reporting = load.trainers(lab, min(REPORTING, count))
    with lab.http() as http, ThreadPoolExecutor(4) as pool:

        def start(number: int) -> None:
            body = {"name": f"other-{number}", "command": ["python", "train.py"]}
            http.post("/training/start", json=body).raise_for_status()

        list(pool.map(start, range(count - len(reporting))))
    return reporting


def curves(lab: GatewayLab, clients: list[Client], points: int) -> None:
    """Of so many points with one spike each."""
    uvloop.run(load.fill(lab.url, clients, points, spike))
    for one in clients:
        report(one, step(points, points / 7))


def running(lab: GatewayLab, clients: list[Client]) -> None:
    """What the operator would write of sessions that run."""
    with api_client(lab.kubeconfig) as api:
        objects = client.CustomObjectsApi(api)
        for one in clients:
            status = {"phase": "Running", "message": "All workers run.", "startTime": NOW}
            objects.patch_namespaced_custom_object_status(
                names.GROUP, names.VERSION, lab.namespace, names.SESSION_PLURAL, one.session,
                {"status": status},
            )  # fmt: skip


def lines(one: Client, count: int) -> None:
    """A log of so many lines."""
    with httpx.Client(timeout=120) as http:
        for first in range(0, count, LINES_AT_ONCE):
            printed = [
                {"time": NOW, "message": f"step {n} {_WORDS}"}
                for n in range(first, first + LINES_AT_ONCE)
            ]
            report(one, {"logs": printed}, http)


class Reports:
    """Sessions that report a step every second while the context is open."""

    def __init__(self, clients: list[Client]) -> None:
        self._clients, self._over = clients, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.step = 1_000_000

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        with httpx.Client(timeout=60) as http:
            while not self._over.is_set():
                began = time.monotonic()
                self.step += 1
                for one in self._clients:
                    report(one, step(self.step, self.step / 7), http)
                self._over.wait(max(0.0, 1 - (time.monotonic() - began)))


def step(number: int, value: float) -> dict[str, Any]:
    """A report of one value of the metric `loss`; by the heartbeat it comes into the status."""
    beat = {"time": now_text(), "step": number, "totalSteps": 5_000_000, "stepsPerSecond": 1.0}
    return {
        "metrics": [{"step": number, "time": NOW, "values": {"loss": value}}],
        "heartbeat": beat,
    }


def report(one: Client, body: dict[str, Any], http: httpx.Client | None = None) -> None:
    """Send one report."""
    one.sequence += 1
    one.trainer.report({"sequence": one.sequence, **body}, http).raise_for_status()
