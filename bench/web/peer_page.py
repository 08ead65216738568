"""The figures of MLflow's page with the same runs, and how they come into its database."""

from __future__ import annotations

import json
import sqlite3
import statistics
import time
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import load
import uvloop
import yard
from arrival import arrives, watching
from peers import Mlflow
from playwright.sync_api import Browser
from window import LONG_SECONDS, window

_SPIKES = f"""Array.from(document.querySelectorAll(".js-plotly-plot")).flatMap((plot) => plot.data ?? [])
  .filter((line) => Array.from(line.y ?? []).includes({load.SPIKE:.0f})).map((line) => line.name)"""

_DELAYS: Final = 3
"""Values whose way to the page is measured: each takes up to half a minute."""
_METRIC: Final = (
    "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, ?)"
)
_LATEST: Final = (
    "INSERT INTO latest_metrics (key, value, timestamp, run_uuid, step, is_nan)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True)
class Runs:
    """Of one experiment."""

    experiment: str
    long: list[str]
    """Ids of those with a long curve."""


def filled(peer: Mlflow, folder: Path, runs: int, long_runs: int, points: int) -> Runs:
    """Runs by its API; the points by SQL, since its API takes a quarter of an hour for them."""
    made = [run["id"] for run in uvloop.run(load.mlflow_runs(peer.url, runs))]
    found = httpx.get(f"{peer.url}/api/2.0/mlflow/runs/get", params={"run_id": made[0]})
    experiment = found.raise_for_status().json()["run"]["info"]["experiment_id"]
    with closing(sqlite3.connect(folder / "mlflow.db", timeout=120)) as database:
        for number, run in enumerate(made[:long_runs]):
            rows = [
                ("loss", load.SPIKE if n == yard.spike(number) else n / 7, n, run, n, False)
                for n in range(points)
            ]
            database.executemany(_METRIC, rows)
            database.execute(_LATEST, rows[-1])
        database.commit()
    return Runs(experiment, made[:long_runs])


class PeerPage:
    """`mlflow server` with its own page, as it comes, on SQLite."""

    def __init__(self, browser: Browser, peer: Mlflow, runs: Runs, rounds: int) -> None:
        self._browser, self._peer, self._rounds = browser, peer, rounds
        self._experiment, self._long = runs.experiment, runs.long

    def table(self) -> dict[str, Any]:
        """First paint of rows, and frames while scrolling over those that it has loaded."""
        url = f"{self._peer.url}/#/experiments/{self._experiment}/runs"
        seconds = []
        for _ in range(self._rounds):
            with window(self._browser, "document.querySelectorAll('.ag-row a').length > 5") as seen:
                seconds.append(seen.open(url, LONG_SECONDS))
                received = seen.bytes
                count = "document.querySelectorAll('.ag-center-cols-container').length ? "
                count += (
                    "Math.round(document.querySelector('.ag-center-cols-container').clientHeight / "
                )
                count += "document.querySelector('.ag-row').clientHeight) : 0"
                rows = seen.page.evaluate(count)
                frames = seen.frames(".ag-body-viewport")
        return {
            "first paint s": round(statistics.median(seconds), 3),
            "rounds s": [round(each, 3) for each in seconds],
            "KiB received": round(received / 1024, 1),
            "rows that can be scrolled to": rows,
            "frames while scrolling, ms": frames,
        }

    def overlay(self) -> dict[str, Any]:
        """All long curves over each other on its page of one metric."""
        query = {"runs": self._long, "metric": "loss", "experiments": [self._experiment]}
        query["plot_metric_keys"] = ["loss"]
        asked = urlencode({name: json.dumps(value) for name, value in query.items()})
        ready = f"document.querySelector('.js-plotly-plot')?.data?.length >= {len(self._long)}"
        seconds = []
        for _ in range(self._rounds):
            with window(self._browser, ready) as seen:
                seconds.append(seen.open(f"{self._peer.url}/#/metric?{asked}", LONG_SECONDS))
                spikes = len(set(seen.page.evaluate(_SPIKES)))
                received = seen.bytes
        return {
            "drawn s": round(statistics.median(seconds), 3),
            "rounds s": [round(each, 3) for each in seconds],
            "spikes that are seen": spikes,
            "KiB received": round(received / 1024, 1),
        }

    def live(self, seconds: float) -> dict[str, Any]:
        """Its page of charts, which reads anew every 30 s, while fifty runs report every second."""
        url = f"{self._peer.url}/#/experiments/{self._experiment}/runs?compareRunsMode=CHART"
        ready = "document.querySelector('.js-plotly-plot')?.data?.length >= 1"
        with window(self._browser, ready) as seen:
            seen.open(url, LONG_SECONDS)
            first, began, step = seen.bytes, time.monotonic(), 1_000_000
            cpu = load.cpu_seconds(self._peer.pid)
            with httpx.Client(timeout=60) as http:
                while time.monotonic() - began < seconds:
                    step += 1
                    turn = time.monotonic()
                    for run in self._long[:50]:
                        value = {
                            "run_id": run,
                            "key": "loss",
                            "value": 1.0,
                            "timestamp": step,
                            "step": step,
                        }
                        http.post(f"{self._peer.url}/api/2.0/mlflow/runs/log-metric", json=value)
                    seen.page.wait_for_timeout(max(1.0, 1000 * (1 - (time.monotonic() - turn))))
            passed = time.monotonic() - began
            received, cpu = seen.bytes - first, load.cpu_seconds(self._peer.pid) - cpu
        return {
            "KiB/s": round(received / 1024 / passed, 1),
            "gateway CPU, cores": round(cpu / passed, 3),
            "seconds": round(passed),
            **self._delays(url, ready),
        }

    def _delays(self, url: str, ready: str) -> dict[str, float]:
        """From a value that it has taken until it is in an answer to the page, which asks each 30 s."""
        delays = []
        with watching(self._browser, ready) as seen, httpx.Client(timeout=60) as http:
            seen.open(url, LONG_SECONDS)
            for n in range(_DELAYS):
                value, step = 3_000_000.5 + n, 3_000_000 + n
                body = {
                    "run_id": self._long[0], "key": "loss", "value": value, "timestamp": step, "step": step,
                }  # fmt: skip
                place = f"{self._peer.url}/api/2.0/mlflow/runs/log-metric"
                delays.append(arrives(seen, value, partial(http.post, place, json=body)))
        return {
            "delay in the table, median s": round(statistics.median(delays), 2),
            "delay in the table, longest s": round(max(delays), 2),
        }
