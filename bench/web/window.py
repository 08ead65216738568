"""A browser's window with a clock and a scale: when something was drawn, bytes received, frames, memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page

_SIZE = {"width": 1280, "height": 800}
_PATIENCE_MS = 60_000.0

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

    def open(self, url: str) -> float:
        """Go there; seconds until the condition was drawn."""
        self.page.goto(url, wait_until="commit")
        return self.drawn()

    def drawn(self) -> float:
        """Wait for the condition; seconds since the navigation."""
        end = time.monotonic() + _PATIENCE_MS / 1000
        while time.monotonic() < end:
            at = self.page.evaluate("window.drawnAt ?? null")
            if at is not None:
                return float(at) / 1000
            self.page.wait_for_timeout(20)
        shown = self.page.locator("body").inner_text()[:500]
        raise SystemExit(f"nothing was drawn at {self.page.url}, which says: {shown}")

    def frames(self, element: str = "", frames: int = 120, pixels: int = 300) -> dict[str, float]:
        """Milliseconds between the frames while `element` (the page) scrolls by so many pixels each."""
        found: dict[str, float] = self.page.evaluate(_FRAMES, [element, frames, pixels])
        return found

    def heap_mib(self) -> float:
        """Of scripts, after a collection of garbage."""
        self._session.send("HeapProfiler.collectGarbage")
        used = self._session.send("Runtime.getHeapUsage")["usedSize"]
        return round(float(used) / 2**20, 1)


@contextmanager
def window(
    browser: Browser, condition: str, cookie: dict[str, Any] | None = None
) -> Iterator[Window]:
    """A window with an empty cache; `condition` is JavaScript, true when what is waited for is there."""
    context = browser.new_context(viewport=_SIZE)
    try:
        context.set_default_timeout(_PATIENCE_MS)
        if cookie:
            context.add_cookies([cookie])  # type: ignore[list-item]  # Playwright's own shape
        context.add_init_script(_WATCH.replace("CONDITION", condition))
        page = context.new_page()
        yield Window(page, context.new_cdp_session(page))
    finally:
        context.close()
