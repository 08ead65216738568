"""A browser's window with a clock and a scale: when something was drawn, bytes received, frames, memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page

_SIZE = {"width": 1280, "height": 800}
_PATIENCE_MS = 60_000.0
LONG_SECONDS = 240.0
"""A peer's page gets so long for all curves."""

_WATCH = """(() => {
  const look = () => {
    let is = false;
    try { is = Boolean(CONDITION); } catch { is = false; }
    if (is) requestAnimationFrame(() => { window.drawnAt = performance.now(); });
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})()"""
"""Notes the frame after the one in which the condition is true, in milliseconds since the navigation."""

_ARM = """() => {
  window.armed = new Promise((resolve, reject) => {
    const end = Date.now() + 60000;
    const look = () => {
      if (CONDITION) requestAnimationFrame(() => resolve(Date.now() / 1000));
      else if (Date.now() > end) reject(new Error("it was not shown within a minute"));
      else requestAnimationFrame(look);
    };
    look();
  });
}"""
"""Looks in every frame: Playwright's own waiting looks twice a second after the first moments."""

_FRAMES = """async ([find, frames, pixels]) => {
  const element = find ? document.querySelector(find) : document.scrollingElement;
  const next = () => new Promise(requestAnimationFrame);
  const began = element.scrollTop, times = [];
  let last = await next();
  for (let n = 0; n < frames; n += 1) {
    element.scrollTop += pixels;
    const now = await next();
    times.push(now - last);
    last = now;
  }
  times.sort((a, b) => a - b);
  const at = (share) => Math.round(times[Math.floor(share * (times.length - 1))] * 10) / 10;
  return {median: at(0.5), p95: at(0.95), longest: at(1), scrolled: Math.round(element.scrollTop - began)};
}"""


_MARK_LARGEST = """(() => {
  const all = [document.scrollingElement, ...document.querySelectorAll("*")];
  const more = (element) => {
    const scrolls = element === document.scrollingElement || /auto|scroll/.test(getComputedStyle(element).overflowY);
    return scrolls ? element.scrollHeight - element.clientHeight : 0;
  };
  all.sort((a, b) => more(b) - more(a));
  all[0].setAttribute("data-scrolls", "");
})()"""

_STROKES = """(find) => {
  let most = 0;
  for (const canvas of document.querySelectorAll(find)) {
    const {width, height} = canvas;
    if (!width || !height) continue;
    const rows = canvas.getContext("2d").getImageData(0, 0, width, Math.floor(height * 0.4)).data;
    let top = -1;
    for (let y = 0; y < Math.floor(height * 0.4); y += 1) {
      let found = 0, last = -9;
      for (let x = 0; x < width; x += 1) {
        const [r, g, b, a] = rows.subarray(4 * (y * width + x), 4 * (y * width + x) + 4);
        if (a < 60 || Math.max(r, g, b) - Math.min(r, g, b) < 25) continue;
        if (x - last > 3) found += 1;
        last = x;
      }
      if (found > 0 && top < 0) top = y;
      if (top >= 0 && y > top + 8) break;
      most = Math.max(most, found);
    }
  }
  return most;
}"""
"""In the eight rows below the top of the highest: further down a spike has two sides, and neighbours touch."""


def strokes(page: Page, canvas: str) -> int:
    """How many spikes of one height are seen: strokes of a colour near the top of the highest one."""
    return int(page.evaluate(_STROKES, canvas))


class NotDrawnError(Exception):
    """A page did not show in time what it was asked for."""


class Window:
    """One page, whose condition is watched from its first frame on."""

    def __init__(self, page: Page, session: Any) -> None:
        self.page, self._session = page, session
        self.bytes = 0
        """Received so far over the network, headers and compression included."""
        session.send("Network.enable")
        session.on("Network.responseReceived", self._count)
        session.on("Network.dataReceived", self._count)

    def _count(self, event: dict[str, Any]) -> None:
        length = event.get("encodedDataLength", 0) or event.get("response", {}).get(
            "encodedDataLength", 0
        )
        self.bytes += int(length)

    def open(self, url: str, seconds: float = _PATIENCE_MS / 1000) -> float:
        """Go there; seconds until the condition was drawn. Raises NotDrawnError after `seconds`."""
        self.page.goto(url, wait_until="commit")
        return self.drawn(seconds)

    def drawn(self, seconds: float = _PATIENCE_MS / 1000) -> float:
        """Wait for the condition; seconds since the navigation. Raises NotDrawnError."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            at = self.page.evaluate("window.drawnAt ?? null")
            if at is not None:
                return float(at) / 1000
            self.page.wait_for_timeout(20)
        shown = self.page.locator("body").inner_text()[:500]
        raise NotDrawnError(f"not drawn within {seconds:g} s; the page says: {shown}")

    def arm(self, condition: str) -> None:
        """From now on note the frame after the one in which `condition`, JavaScript, is true."""
        self.page.evaluate(_ARM.replace("CONDITION", condition))

    def shown_at(self) -> float:
        """Wait for what `arm` named; seconds since 1970 by the clock of this machine."""
        return float(self.page.evaluate("window.armed"))

    def frames(self, element: str = "", frames: int = 120, pixels: int = 300) -> dict[str, float]:
        """Milliseconds between the frames while `element` (the page) scrolls by so many pixels each."""
        found: dict[str, float] = self.page.evaluate(_FRAMES, [element, frames, pixels])
        return found

    def frames_of_largest(self) -> dict[str, float]:
        """The same of whatever scrolls over the most."""
        self.page.evaluate(_MARK_LARGEST)
        return self.frames("[data-scrolls]")

    def settle(self, milliseconds: int) -> None:
        """Wait until so long nothing was received, or three times as long."""
        before, quiet, waited = -1, 0, 0
        while quiet < milliseconds and waited < 3 * milliseconds:
            quiet = quiet + 100 if before == self.bytes else 0
            before = self.bytes
            self.page.wait_for_timeout(100)
            waited += 100

    def heap_mib(self) -> float:
        """Of scripts, after a collection of garbage."""
        self._session.send("HeapProfiler.collectGarbage")
        used = self._session.send("Runtime.getHeapUsage")["usedSize"]
        return round(float(used) / 2**20, 1)


@contextmanager
def window(
    browser: Browser, condition: str, cookie: dict[str, Any] | None = None, listen: str = ""
) -> Iterator[Window]:
    """A window with an empty cache; `condition` is JavaScript, true when what is waited for is there.

    `listen`: a script that runs before those of the page.
    """
    context = browser.new_context(viewport=_SIZE)
    try:
        context.set_default_timeout(_PATIENCE_MS)
        if cookie:
            context.add_cookies([cookie])  # type: ignore[list-item]  # Playwright's own shape
        if listen:
            context.add_init_script(listen)
        context.add_init_script(_WATCH.replace("CONDITION", condition))
        page = context.new_page()
        yield Window(page, context.new_cdp_session(page))
    finally:
        context.close()
