"""The figures of our page."""

from __future__ import annotations

import re
import statistics
import time
from typing import Any

import httpx
import load
import yard
from gateway_lab import GatewayLab
from load import Client
from playwright.sync_api import Browser
from window import Window, strokes, window

_HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def _in_a_cell(value: str) -> str:
    """JavaScript: a cell has this last value of the metric; its curve and its best value follow."""
    pattern = f"^{re.escape(value)}( |$)"
    return (
        f"[...document.querySelectorAll('td')].some((cell) => /{pattern}/.test(cell.textContent))"
    )


def _in_the_log(text: str) -> str:
    """JavaScript: a line of the log that is drawn begins so."""
    return f"[...document.querySelectorAll('.log li')].some((line) => line.textContent.startsWith({text!r}))"


class OwnPage:
    """Our page as someone with the administrator's key sees it."""

    def __init__(
        self, browser: Browser, lab: GatewayLab, clients: list[Client], rounds: int
    ) -> None:
        self._browser, self._lab, self._clients, self._rounds = browser, lab, clients, rounds
        answer = httpx.post(
            f"{lab.url}/api/v1/login", headers={"X-API-Key": lab.key}
        ).raise_for_status()
        name, _, value = answer.headers["Set-Cookie"].partition(";")[0].partition("=")
        self._cookie = {"name": name, "value": value, "url": lab.url}

    def table(self, sessions: int) -> dict[str, Any]:
        """First paint of all rows, and frames while scrolling over them."""
        ready = f"document.querySelector('table[aria-rowcount=\"{sessions + 1}\"] tbody th a')"
        seconds = []
        for _ in range(self._rounds):
            with window(self._browser, ready, self._cookie) as seen:
                seconds.append(seen.open(self._lab.url))
                received = seen.bytes
                frames = seen.frames()
        return {
            "first paint s": round(statistics.median(seconds), 3),
            "rounds s": [round(each, 3) for each in seconds],
            "KiB received": round(received / 1024, 1),
            "rows that can be scrolled to": sessions,
            "frames while scrolling, ms": frames,
        }

    def overlay(self) -> dict[str, Any]:
        """All long curves over each other."""
        uids = ",".join(one.trainer.session_uid for one in self._clients)
        listed = min(len(self._clients), 24) + (len(self._clients) > 24)
        ready = (
            f"document.querySelectorAll('.legend li').length === {listed}"
            " && !document.querySelector('.filters .notice') && document.querySelector('.plot canvas')"
        )
        seconds = []
        for _ in range(self._rounds):
            with window(self._browser, ready, self._cookie) as seen:
                seconds.append(seen.open(f"{self._lab.url}/#/compare?sessions={uids}&metric=loss"))
                spikes = strokes(seen.page, ".plot canvas")
                received = seen.bytes
        return {
            "drawn s": round(statistics.median(seconds), 3),
            "rounds s": [round(each, 3) for each in seconds],
            "spikes that are seen": spikes,
            "KiB received": round(received / 1024, 1),
        }

    def live(self, seconds: float) -> dict[str, Any]:
        """Fifty sessions report every second: bytes, delay, gateway CPU, memory of the page over time."""
        running = self._clients[:50]
        yard.running(self._lab, running)
        ready = "document.querySelectorAll('table[aria-rowcount] .Running').length > 20"
        assert self._lab.process is not None
        pid = self._lab.process.pid
        with window(self._browser, ready, self._cookie) as seen, yard.Reports(running[:-1]):
            seen.open(f"{self._lab.url}/#/?state=running&metric=loss")
            first = seen.bytes
            began, cpu, heap = time.monotonic(), load.cpu_seconds(pid), [seen.heap_mib()]
            while time.monotonic() - began < seconds:
                seen.page.wait_for_timeout(seconds * 250)
                heap.append(seen.heap_mib())
            passed = time.monotonic() - began
            received, cpu = seen.bytes - first, load.cpu_seconds(pid) - cpu
            with httpx.Client(timeout=60) as http:
                steps = range(3_000_000, 3_000_000 + yard.DELAYS)
                delays = [self._delay(seen, running[-1], step, http) for step in steps]
        return {
            "KiB/s": round(received / 1024 / passed, 1),
            "delay in the table, median s": round(statistics.median(delays), 2),
            "delay in the table, longest s": round(max(delays), 2),
            "gateway CPU, cores": round(cpu / passed, 3),
            "memory of scripts, MiB over time": heap,
            "after a break": self._after_a_break(running),
        }

    def _delay(self, seen: Window, one: Client, step: int, http: httpx.Client) -> float:
        """Seconds from a report until its value stands in the table."""
        value = step % 1000 + 0.5
        seen.arm(_in_a_cell(f"{value:g}"))
        began = time.time()
        yard.report(one, yard.step(step, value), http)
        return seen.shown_at() - began

    def _after_a_break(self, running: list[Client]) -> dict[str, Any]:
        """What a window that was hidden gets again, beside what it got first."""
        url = f"{self._lab.url}/#/?search={running[0].session}&metric=loss"
        with window(self._browser, "document.querySelector('tbody th a')", self._cookie) as seen:
            seen.open(url)
            first = seen.bytes
            seen.page.evaluate(_HIDE, True)
            yard.report(running[0], yard.step(4_000_000, 777.5))
            seen.arm(_in_a_cell("777.5"))
            seen.page.evaluate(_HIDE, False)
            seen.shown_at()
            again = seen.bytes - first
        return {"KiB first": round(first / 1024, 1), "KiB again": round(again / 1024, 1)}

    def log(self, one: Client) -> dict[str, Any]:
        """The log of many lines: its newest and its first ones, and frames while scrolling."""
        seconds, starts = [], []
        for _ in range(self._rounds):
            with window(self._browser, "document.querySelector('.log li')", self._cookie) as seen:
                seconds.append(seen.open(f"{self._lab.url}/#/session/{one.trainer.session_uid}"))
                received = seen.bytes
                button = seen.page.get_by_role("button", name="From the first line")
                button.wait_for()
                seen.arm(_in_the_log("step 0 loss"))
                began = time.time()
                button.click()
                starts.append(seen.shown_at() - began)
                frames = seen.frames(".log")
        return {
            "first lines s": round(statistics.median(seconds), 3),
            "to the first line of all s": round(statistics.median(starts), 3),
            "KiB received": round(received / 1024, 1),
            "frames while scrolling, ms": frames,
            **self._delays_of_lines(one),
        }

    def _delays_of_lines(self, one: Client) -> dict[str, Any]:
        """From a printed line until it is read on the session's page."""
        delays = []
        with window(self._browser, "document.querySelector('.log li')", self._cookie) as seen:
            seen.open(f"{self._lab.url}/#/session/{one.trainer.session_uid}")
            with httpx.Client(timeout=60) as http:
                for n in range(yard.DELAYS):
                    seen.arm(_in_the_log(f"noticed {n} "))
                    began = time.time()
                    line = {"time": load.NOW, "message": f"noticed {n} of {yard.DELAYS}"}
                    yard.report(one, {"logs": [line]}, http)
                    delays.append(seen.shown_at() - began)
        return {
            "a printed line, median s": round(statistics.median(delays), 3),
            "a printed line, longest s": round(max(delays), 3),
        }
