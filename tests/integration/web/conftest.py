"""A browser, and a gateway with sessions in several states."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser import Visit, running_browser, visit
from gateway_lab import GatewayLab
from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as found:
        yield found


@pytest.fixture
def guest(browser: Browser, lab: GatewayLab) -> Iterator[Visit]:
    """A window without a login. What it says in the console is no error but where a test expects one."""
    with visit(browser, lab.url) as found:
        yield found


@pytest.fixture
def reader(guest: Visit, lab: GatewayLab) -> Visit:
    """A window of the administrator."""
    guest.log_in(lab.key)
    # The first question, who one is, is answered by 401 before the login.
    guest.said.clear()
    return guest
