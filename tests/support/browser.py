"""Debian's Chromium, driven by Playwright, and what a page said while a test used it."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from web_functions import web_packages

_INSTALL_SECONDS = 600
PATIENCE = 60_000.0
"""Milliseconds that a page has to show something; a busy machine needs some."""


@contextmanager
def running_browser() -> Iterator[Browser]:
    """A browser for the length of a session; its package is installed where it is missing."""
    program = shutil.which("chromium") or _install()
    with sync_playwright() as playwright:
        # The tests run as root in containers, where Chromium's own sandbox cannot be made.
        browser = playwright.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--disable-dev-shm-usage"],
            timeout=2 * PATIENCE,
        )
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visit:
    """A window with its own cookies."""

    page: Page
    context: BrowserContext
    url: str
    said: list[str] = field(default_factory=list)
    """Errors in the console, exceptions, and requests to other hosts."""

    def log_in(self, key: str, place: str = "") -> None:
        """Type the key, and wait for the first screen."""
        self.page.goto(f"{self.url}/{place}")
        self.page.get_by_label("API key").fill(key)
        self.page.get_by_role("button", name="Log in").click()
        self.page.get_by_role("button", name="Log out").wait_for()

    def text(self) -> str:
        """All text of the page."""
        return self.page.locator("body").inner_text()


@contextmanager
def visit(browser: Browser, url: str, **options: Any) -> Iterator[Visit]:
    """A new window at a gateway."""
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    found = Visit(page, context, url)
    page.on(
        "console", lambda m: found.said.append(m.text) if m.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: found.said.append(str(error)))
    page.on(
        "request", lambda r: None if r.url.startswith((url, "blob:")) else found.said.append(r.url)
    )
    try:
        yield found
    finally:
        context.close()


@contextmanager
def another_origin() -> Iterator[str]:
    """The URL of an empty page at another port of this host."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _EmptyPage)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _EmptyPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>another</title>")

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


def violations(page: Page) -> list[str]:
    """What axe finds wrong with a page for people who see, hear or move differently."""
    page.evaluate((web_packages() / "axe-core" / "axe.min.js").read_text())
    found: dict[str, Any] = page.evaluate("axe.run()")
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def until(page: Page, is_true: Callable[[], bool]) -> None:
    """Wait for something outside of the page, which works on meanwhile."""
    for _ in range(600):
        if is_true():
            return
        page.wait_for_timeout(100)


def _install() -> str:
    # Several lanes of tests may come here at once.
    with (Path(tempfile.gettempdir()) / "trainyard-chromium.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = shutil.which("chromium") or _installed_package()
    if found is None:
        pytest.fail("Chromium is not installed: apt-get install chromium", pytrace=False)
    return found


def _installed_package() -> str | None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["install", "-qq", "-y", "--no-install-recommends", "chromium"]
    for command in (["update", "-qq"], install):
        subprocess.run(
            ["apt-get", *command],
            env=environment,
            check=False,
            capture_output=True,
            timeout=_INSTALL_SECONDS,
        )
    return shutil.which("chromium")
