"""The client that a command uses, and the gateway's clock.

Ages and remaining times are measured by the gateway's clock (its `Date` header), so that they are
right on a computer whose clock is wrong. A remark says so once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from trainyard.cli import config, output
from trainyard.cli.config import Login
from trainyard.cli.text import formats
from trainyard.retry import RETRIES, Retries

if TYPE_CHECKING:
    import httpx

    from trainyard.client import Client

TOLERATED_SKEW: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """How commands reach the gateway."""

    transport: Callable[[], httpx.BaseTransport | None] = lambda: None
    """Makes the transport; None is httpx's own, with the proxies of the environment."""
    timeout: httpx.Timeout | None = None
    """None is the client's default."""
    retries: Retries = RETRIES

    def client(self, login: Login, clock: GatewayClock | None = None) -> Client:
        """A client of the login's gateway."""
        # Imported here: `trainyard --help` and completion need no HTTP library.
        from trainyard import wire
        from trainyard.client import Client

        return Client(
            login.url,
            login.key,
            timeout=self.timeout or wire.TIMEOUT,
            transport=self.transport(),
            retries=self.retries,
            on_response=clock.on_response if clock else None,
        )


CONNECTION_OPTIONS: Final = ContextVar("connection_options", default=ConnectionOptions())  # noqa: B039
"""The options of the commands in this context; tests set others."""


class GatewayClock:
    """Measures by how much this computer's clock differs from the gateway's."""

    def __init__(self) -> None:
        self.skew = timedelta(0)
        """This computer's time minus the gateway's; zero if it is within rounding."""

    def on_response(self, response: httpx.Response) -> None:
        """Read the gateway's time from a response."""
        self.skew = skew(response.headers.get("Date"), datetime.now(UTC))

    def now(self) -> datetime:
        """The gateway's time."""
        return datetime.now(UTC) - self.skew


def skew(date: str | None, here: datetime) -> timedelta:
    """Local time minus that of a `Date` header (RFC 9110, whole seconds).

    Zero without a valid header, and for a difference within two seconds.
    """
    try:
        there = parsedate_to_datetime(date or "")
    except ValueError:
        return timedelta(0)
    if not 1970 <= there.year < 9999:
        return timedelta(0)
    difference = here - there.replace(tzinfo=there.tzinfo or UTC)
    return difference if abs(difference) > timedelta(seconds=2) else timedelta(0)


def skew_remark(found: timedelta) -> str | None:
    """The note for the user; None if the difference is tolerable."""
    if abs(found) <= TOLERATED_SKEW:
        return None
    word = "ahead of" if found > timedelta(0) else "behind"
    return (
        f"this computer's clock is {formats.duration(abs(found.total_seconds()))} {word} the "
        "gateway's; times below follow the gateway's: set the clock (`timedatectl set-ntp true`)"
    )


@contextmanager
def gateway() -> Iterator[tuple[Client, GatewayClock]]:
    """The client of the current login, and the gateway's clock. Raises NotLoggedIn."""
    login = config.load(os.environ)
    clock = GatewayClock()
    with CONNECTION_OPTIONS.get().client(login, clock) as client:
        try:
            yield client, clock
        finally:
            note = skew_remark(clock.skew)
            if note:
                output.remark(f"note: {note}", "yellow")
