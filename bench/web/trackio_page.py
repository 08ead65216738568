"""The figures of Trackio's page with the same runs."""

from __future__ import annotations

import statistics
import time
from functools import partial
from typing import Any, Final

import load
import yard
from arrival import arrives, watching
from playwright.sync_api import Browser
from trackio_server import PROJECT, Trackio
from window import LONG_SECONDS, strokes, window

_RUNNING: Final = 50
_CANVAS: Final = ".vega-embed canvas"
_SETTLED_MS: Final = 3000
"""Its canvas is drawn again when more runs have come: it counts when the last bytes came this long ago."""


class TrackioPage:
    """`trackio show` with its own page, as it comes: its table of runs, and all runs in one chart."""

    def __init__(self, browser: Browser, server: Trackio, rounds: int) -> None:
        self._browser, self._server, self._rounds = browser, server, rounds

    def table(self, runs: int) -> dict[str, Any]:
        """First paint of all rows of its page of runs, and frames while scrolling."""
        url = f"{self._server.url}/runs?project={PROJECT}"
        ready = f"document.querySelectorAll('tbody tr').length >= {runs}"
        seconds = []
        for _ in range(self._rounds):
            with window(self._browser, ready) as seen:
                seconds.append(seen.open(url, LONG_SECONDS))
                received = seen.bytes
                rows = seen.page.locator("tbody tr").count()
                frames = seen.frames_of_largest()
        return {
            "first paint s": round(statistics.median(seconds), 3),
            "rounds s": [round(each, 3) for each in seconds],
            "KiB received": round(received / 1024, 1),
            "rows that can be scrolled to": rows,
            "frames while scrolling, ms": frames,
        }

    def overlay(self, curves: int) -> dict[str, Any]:
        """All runs over each other in the chart of its first page."""
        seconds, spikes, received = [], 0, 0
        for _ in range(self._rounds):
            with window(self._browser, f"document.querySelector('{_CANVAS}')") as seen:
                seconds.append(seen.open(f"{self._server.url}/?project={PROJECT}", LONG_SECONDS))
                seen.settle(_SETTLED_MS)
                spikes, received = strokes(seen.page, _CANVAS), seen.bytes
        return {
            "drawn s": round(statistics.median(seconds), 3),
            "rounds s": [round(each, 3) for each in seconds],
            "spikes that are seen": spikes,
            "curves": curves,
            "KiB received": round(received / 1024, 1),
        }

    def live(self, seconds: float) -> dict[str, Any]:
        """Its chart, which asks anew each second, while fifty runs report every second."""
        url = f"{self._server.url}/?project={PROJECT}"
        logging = self._server.logging(_RUNNING)
        try:
            with window(self._browser, f"document.querySelector('{_CANVAS}')") as seen:
                seen.open(url, LONG_SECONDS)
                first, began = seen.bytes, time.monotonic()
                cpu = load.cpu_seconds(self._server.pid)
                seen.page.wait_for_timeout(1000 * seconds)
                passed = time.monotonic() - began
                received, cpu = seen.bytes - first, load.cpu_seconds(self._server.pid) - cpu
        finally:
            logging.terminate()
            logging.wait(timeout=30)
        return {
            "KiB/s": round(received / 1024 / passed, 1),
            "gateway CPU, cores": round(cpu / passed, 3),
            **self._delays(url),
        }

    def _delays(self, url: str) -> dict[str, float]:
        """From a value in its database until it is in an answer to the page."""
        delays = []
        with watching(self._browser, f"document.querySelector('{_CANVAS}')") as seen:
            seen.open(url, LONG_SECONDS)
            for n in range(yard.DELAYS):
                value = 3_000_000.5 + n
                delays.append(arrives(seen, value, partial(self._server.log_one, value)))
        return {
            "delay in the table, median s": round(statistics.median(delays), 2),
            "delay in the table, longest s": round(max(delays), 2),
        }
