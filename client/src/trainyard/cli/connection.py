"""A client of the gateway that one command uses, and the gateway's clock.

Ages and remaining times are counted by the gateway's clock (its `Date` header), so that they are right on a computer
whose own clock is wrong; the person is told once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from trainyard import wire
from trainyard.cli import config, output
from trainyard.cli.config import Login
from trainyard.cli.text import formats
from trainyard.client import Client
from trainyard.retry import RETRIES, Retries

TOLERATED_SKEW: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """How commands reach the gateway."""

    transport: Callable[[], httpx.BaseTransport | None] = lambda: None
    """None is httpx's own, with the proxies of the environment."""
    timeout: httpx.Timeout = field(default_factory=lambda: wire.TIMEOUT)
    retries: Retries = RETRIES

    def client(self, login: Login, clock: GatewayClock | None = None) -> Client:
        """A client of the login's gateway."""
        on_response = clock.on_response if clock else None
        return Client(
            login.url,
            login.key,
            timeout=self.timeout,
            transport=self.transport(),
            retries=self.retries,
            on_response=on_response,
        )


CONNECTION_OPTIONS: Final = ContextVar("reach", default=ConnectionOptions())  # noqa: B039  frozen
"""How the commands of this context reach the gateway; other than usual in tests."""


class GatewayClock:
    """Notes by how much this computer's clock differs from the gateway's."""

    def __init__(self) -> None:
        self.skew = timedelta(0)
        """This computer's time minus the gateway's; within a second of rounding it counts as none."""

    def on_response(self, response: httpx.Response) -> None:
        """Look at the clock on an answer."""
        self.skew = skew(response.headers.get("Date"), datetime.now(UTC))

    def now(self) -> datetime:
        """The gateway's time."""
        return datetime.now(UTC) - self.skew


def skew(date: str | None, here: datetime) -> timedelta:
    """Local time minus the time in a `Date` header (RFC 9110, whole seconds); zero for none, a broken one, or a small one."""
    try:
        there = parsedate_to_datetime(date or "")
    except ValueError:
        return timedelta(0)
    difference = here - there.replace(tzinfo=there.tzinfo or UTC)
    return difference if abs(difference) > timedelta(seconds=2) else timedelta(0)


def skew_remark(found: timedelta) -> str | None:
    """What to tell about it, None when it is tolerable."""
    if abs(found) <= TOLERATED_SKEW:
        return None
    word = "ahead of" if found > timedelta(0) else "behind"
    return (
        f"this computer's clock is {formats.duration(abs(found.total_seconds()))} {word} the gateway's; times below follow "
        "the gateway's: set the clock (`timedatectl set-ntp true`)"
    )


@contextmanager
def gateway() -> Iterator[tuple[Client, GatewayClock]]:
    """The client of the login in force, and the gateway's clock."""
    login = config.load(os.environ)
    clock = GatewayClock()
    with CONNECTION_OPTIONS.get().client(login, clock) as client:
        try:
            yield client, clock
        finally:
            told = skew_remark(clock.skew)
            if told:
                output.remark(f"note: {told}", "yellow")
