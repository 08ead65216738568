"""A client of the gateway that one command uses, and the gateway's clock.

Ages and remaining times are counted by the gateway's clock (its `Date` header), so that they are right on a computer
whose own clock is wrong; the person is told once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from trainyard.cli import config, output, text
from trainyard.client import Client

TOLERATED_SKEW: Final = timedelta(seconds=60)


class GatewayClock(httpx.HTTPTransport):
    """Sends requests as usual and notes by how much this computer's clock differs from the gateway's."""

    def __init__(self) -> None:
        super().__init__()
        self.skew = timedelta(0)
        """This computer's time minus the gateway's; within a second of rounding it counts as none."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """As HTTPTransport does."""
        response = super().handle_request(request)
        self.skew = skew(response.headers.get("Date"), datetime.now(UTC))
        return response

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
        f"this computer's clock is {text.duration(abs(found.total_seconds()))} {word} the gateway's; times below follow "
        "the gateway's: set the clock (`timedatectl set-ntp true`)"
    )


@contextmanager
def gateway() -> Iterator[tuple[Client, GatewayClock]]:
    """The client of the login in force, and the gateway's clock."""
    login = config.load(os.environ)
    clock = GatewayClock()
    with Client(login.url, login.key, transport=clock) as client:
        try:
            yield client, clock
        finally:
            told = skew_remark(clock.skew)
            if told:
                output.remark(f"note: {told}", "yellow")
