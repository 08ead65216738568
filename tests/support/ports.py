"""Ports for servers that tests start: each handed out once, and none that the kernel gives to outgoing connections.

A port asked of the kernel (`bind` to 0) and let go again may be an outgoing connection's, or the other lane's, by the time the server
that it was for has imported everything and binds it.
"""

from __future__ import annotations

import itertools
import os
import random
import re
import socket
from pathlib import Path

LOWEST = 15_000
PORTS_PER_LANE = 1_000
_LANE = re.compile(r"gw(\d+)")


def free_port() -> int:
    """A port at 127.0.0.1 that nobody listens on, which this process has not handed out in its last hundreds of calls."""
    for port in _turn:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("the turn has no end")


def lane_ports(worker: str, ephemeral: tuple[int, int]) -> range:
    """The ports of one of pytest-xdist's workers (`gw0`, …; empty without it), below those of outgoing connections.

    Lanes share ports only where there are more of them than slices; raises ValueError where outgoing connections leave no slice at all.
    """
    slices = (ephemeral[0] - LOWEST) // PORTS_PER_LANE
    if slices < 1:
        raise ValueError(
            f"net.ipv4.ip_local_port_range starts at {ephemeral[0]}; tests need {PORTS_PER_LANE} ports above {LOWEST} below it"
        )
    lane = _LANE.fullmatch(worker)
    # Slice 0 is for whoever runs beside the lanes.
    number = 0 if lane is None else (int(lane[1]) + 1) % slices
    return range(LOWEST + number * PORTS_PER_LANE, LOWEST + (number + 1) * PORTS_PER_LANE)


def _ephemeral() -> tuple[int, int]:
    low, high = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    return int(low), int(high)


def _shuffled(ports: range) -> list[int]:
    # Two runs beside each other on one machine shall not walk in step.
    return random.SystemRandom().sample(ports, len(ports))


_turn = itertools.cycle(
    _shuffled(lane_ports(os.environ.get("PYTEST_XDIST_WORKER", ""), _ephemeral()))
)
