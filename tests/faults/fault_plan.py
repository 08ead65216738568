"""What goes wrong in one trial: one fault at one mutating request. Values only, no clock and no network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

MUTATING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
BY_TIME: Final = frozenset({"POST leases", "PUT leases", "PATCH trainingqueues/status"})
"""Requests whose number depends on how long a trial takes."""
_PATH = re.compile(
    r"^/apis?/(?:(?P<group>[^/]+)/)?(?P<version>v[0-9][^/]*)"
    r"(?:/namespaces/(?P<namespace>[^/]+))?/(?P<resource>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<sub>[^/]+))?$"
)


class Kind(Enum):
    """A fault at the n-th request of a kind."""

    KILL_BEFORE = "kill before"
    """The operator is killed, and the request never reaches the API server."""
    KILL_AFTER = "kill after"
    """The request is carried out; the operator is killed before it gets the answer."""
    SUCCESSOR = "successor"
    """As `KILL_AFTER`; the operator that is started next has another identity."""
    FROZEN = "frozen"
    """SIGSTOP after the request; a successor takes the Lease over; then SIGCONT."""
    STALE = "stale"
    """As `KILL_AFTER`; every list of the next operator is as old as before the request, its watches lag."""
    CLOCK_BEHIND = "clock behind"
    """As `KILL_AFTER`; the clock of the next operator is half a minute behind."""
    CLOCK_AHEAD = "clock ahead"
    """The same half a minute ahead."""
    LOST = "answer lost"
    """The request is carried out, and the connection is reset."""
    CUT = "answer cut"
    """The request is carried out, and the connection is reset in the middle of the body."""
    TWICE = "sent twice"
    """The request is carried out twice; the second answer is delivered."""
    CONFLICT = "409"
    """409, as after a change by others; the request is not carried out."""
    BUSY = "429"
    """429 with Retry-After; the request is not carried out."""
    ERROR = "500"
    """500; the request is not carried out."""
    UNCLEAR = "504"
    """The request is carried out, and answered with 504."""
    ERRORS = "500 for a while"
    """From the request on, every request is answered with 500, for two seconds."""
    DELAY = "delay"
    """The request reaches the API server two seconds later."""
    SLOW = "slow"
    """From the request on, every request and every event of a watch comes 0.3 s later, for six seconds."""
    LAG = "watches lag"
    """From the request on, the watches of Jobs and pods deliver nothing for two seconds."""
    LAG_SESSIONS = "sessions lag"
    """The same for the watch of sessions."""
    UNSEEN = "unseen"
    """As `LAG` for all watches; then they break and their version is expired, so that all is listed again."""
    STREAM_ERROR = "error in stream"
    """Every watch gets an ERROR event with code 500."""
    DROPPED = "watches dropped"
    """Every watch is reset in the middle of a line."""
    SILENT = "silent watches"
    """Every watch stays open and delivers nothing more, until the program gives it up."""
    DATABASE_CUT = "database cut"
    """All connections of the gateway to its database break."""
    DATABASE_AWAY = "database away"
    """They break, and the database takes no new ones for two seconds."""
    OUTAGE = "outage"
    """After the request nothing answers for a while."""


CRASHES: Final = (Kind.KILL_BEFORE, Kind.KILL_AFTER)
CLOCK_SECONDS: Final = {Kind.CLOCK_BEHIND: -30.0, Kind.CLOCK_AHEAD: 30.0}
"""What the next operator's clock shows more than this one's."""
KILLING: Final = frozenset({*CRASHES, Kind.SUCCESSOR, Kind.STALE, *CLOCK_SECONDS})
"""Faults after which an operator is started again."""
LONG: Final = (Kind.SILENT, Kind.OUTAGE)
"""Faults that last minutes."""
DATABASE: Final = (Kind.DATABASE_CUT, Kind.DATABASE_AWAY)
"""Faults of the gateway's database; they come at requests of clients."""
REQUEST: Final = "request"
"""The kind of a client's request to the gateway, beside the gateway's own to the API server."""
PERTURBATIONS: Final = tuple(k for k in Kind if k not in {*CRASHES, *LONG, *DATABASE})
_OF_OPERATORS: Final = frozenset({Kind.SUCCESSOR, Kind.FROZEN, Kind.LAG})
"""What needs a Lease, or watches that the gateway does not have."""
OF_THE_GATEWAY: Final = tuple(k for k in PERTURBATIONS if k not in _OF_OPERATORS)
STALE_OR_UNSEEN: Final = (Kind.STALE, Kind.LAG, Kind.LAG_SESSIONS, Kind.UNSEEN, Kind.FROZEN)


@dataclass(frozen=True, slots=True, order=True)
class Call:
    """The n-th request of its kind within a trial."""

    what: str
    """`POST jobs`, `PATCH trainingsessions/status` and the like."""
    number: int
    """From 1."""

    def __str__(self) -> str:
        return f"{self.what} #{self.number}"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault."""

    kind: Kind
    call: Call
    seconds: float = 2.0
    """How long a delay, a lag or an outage lasts."""

    def __str__(self) -> str:
        return f"{self.kind.value} @ {self.call}"


def what_of(method: str, path: str) -> str | None:
    """The kind of a mutating request, None for one that only reads."""
    found = _PATH.match(path)
    if method not in MUTATING or found is None:
        return None
    sub = f"/{found['sub']}" if found["sub"] else ""
    return f"{method} {found['resource']}{sub}"


def resource_of(path: str) -> str:
    """The resource that a path is about; empty if it is about none."""
    found = _PATH.match(path)
    return found["resource"] if found else ""


def points(counts: Mapping[str, int], kinds: Iterable[Kind]) -> list[Fault]:
    """Every fault of `kinds` at every request that a run without faults made.

    Of the Lease and of the queue's figures only the first request counts: the others are a matter of time.
    Faults of the database come at the requests of clients, all others at those to the API server.
    """
    calls = [
        Call(what, number)
        for what, count in sorted(counts.items())
        for number in range(1, (1 if what in BY_TIME else count) + 1)
    ]
    return [
        Fault(kind, call)
        for call in calls
        for kind in kinds
        if (kind in DATABASE) is (call.what == REQUEST)
    ]


def sample(faults: list[Fault], most: int, offset: int) -> list[Fault]:
    """At most `most` faults, evenly spread over the list; `offset` chooses which."""
    if len(faults) <= most:
        return faults
    step = len(faults) / most
    return [faults[(int(i * step) + offset) % len(faults)] for i in range(most)]
