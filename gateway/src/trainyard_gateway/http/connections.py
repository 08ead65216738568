"""How many connections there may be, and how slow a client may be. The deadlines are pure.

Every bound holds without a key: a connection costs memory before anything is authenticated.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address

MOST_CONNECTIONS = 4000
"""Open connections of this gateway."""
MOST_OF_ADDRESS = 1000
"""Open connections from one address that is no trusted proxy."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds that a client has. A connection that misses one is closed."""

    head: float = 20.0
    """From the first byte of a request, or from the connection, to the end of its headers."""
    body: float = 30.0
    """For each `body_bytes` of a body, or its end."""
    body_bytes: int = 4096
    rest: float = 5.0
    """For the rest of a body after the answer that refuses it."""
    answer: float = 60.0
    """To take something of an answer that waits."""
    look: float = 2.0
    """Between two looks at a connection."""


@dataclass(slots=True)
class Clocks:
    """Since when a connection is in which state; None: it is not."""

    head: float | None = None
    body: float | None = None
    body_bytes: int = 0
    """Bytes of the body since `body`."""
    rest: float | None = None
    answer: float | None = None


def overdue(clocks: Clocks, deadlines: Deadlines, now: float) -> str | None:
    """What the client is too slow with: `head`, `body`, `rest` or `answer`. None if it is not."""
    slow_body = clocks.body_bytes < deadlines.body_bytes
    for name, since, seconds in (
        ("head", clocks.head, deadlines.head),
        ("body", clocks.body if slow_body else None, deadlines.body),
        ("rest", clocks.rest, deadlines.rest),
        ("answer", clocks.answer, deadlines.answer),
    ):
        if since is not None and now - since > seconds:
            return name
    return None


@dataclass
class ConnectionCounts:
    """Open connections, in all and by address."""

    most: int = MOST_CONNECTIONS
    most_of_address: int = MOST_OF_ADDRESS
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks of proxies: one address of them has many clients, and no separate bound."""
    _of_address: Counter[str] = field(default_factory=Counter)
    _all: int = 0

    def enter(self, address: str) -> str | None:
        """Count a connection. Returns the bound that it exceeds, as a sentence; None otherwise."""
        self._all += 1
        self._of_address[address] += 1
        if self._all > self.most:
            return f"{self.most} connections are open; try again later"
        if self._of_address[address] > self.most_of_address and not self._is_proxy(address):
            return f"{self.most_of_address} connections of this address are open; close some"
        return None

    def _is_proxy(self, address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self.proxies)

    def leave(self, address: str) -> None:
        """Forget a connection."""
        self._all -= 1
        self._of_address[address] -= 1
        if self._of_address[address] <= 0:
            del self._of_address[address]
