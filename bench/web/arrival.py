"""When a value that was just reported is in an answer to a page of a peer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser
from window import Window, window

_LONGEST_SECONDS = 90.0
_LISTEN = """(() => {
  const plain = window.fetch;
  window.fetch = async (...given) => {
    const answer = await plain(...given);
    answer.clone().text().then((text) => {
      if (window.wanted && text.includes(window.wanted)) window.arrived = true;
    }).catch(() => undefined);
    return answer;
  };
})()"""


@contextmanager
def watching(browser: Browser, condition: str) -> Iterator[Window]:
    """A window whose answers are looked through."""
    with window(browser, condition, listen=_LISTEN) as seen:
        yield seen


def arrives(seen: Window, value: float, report: Callable[[], object]) -> float:
    """Seconds from a report to the answer with its value; at most `_LONGEST_SECONDS`."""
    seen.page.evaluate(
        "(text) => { window.wanted = text; window.arrived = false; }", f"{value:.1f}"
    )
    began = time.monotonic()
    report()
    while time.monotonic() - began < _LONGEST_SECONDS:
        if seen.page.evaluate("window.arrived"):
            break
        seen.page.wait_for_timeout(20)
    return time.monotonic() - began
