"""What the sides took, and how much better the gateway is."""

from __future__ import annotations

import statistics
import time
from typing import Any, Self

from load import cpu_seconds


class Cost:
    """CPU and time that pass inside of the context."""

    def __init__(self, process: int) -> None:
        self._process = process

    def __enter__(self) -> Self:
        self._cpu, self._time = cpu_seconds(self._process), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self._cpu = cpu_seconds(self._process) - self._cpu
        self._time = time.perf_counter() - self._time

    def per(self, points_per_second: float) -> float:
        """Microseconds of CPU for a point."""
        return self._cpu / max(1.0, points_per_second * self._time) * 1e6


def progress(what: str, ours: float, peers: float, unit: str) -> None:
    """Print a pair."""
    print(f"{what}: gateway {ours:,.4g}, peer {peers:,.4g} {unit}", flush=True)


def compared(
    pairs: list[tuple[float, float]], unit: str, smaller_is_better: bool = False
) -> dict[str, Any]:
    """Medians of pairs, ours first, and their ratio."""
    ours, peers = statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)
    ratio = peers / ours if smaller_is_better else ours / peers
    return {
        "unit": unit,
        "gateway": round(ours, 4),
        "peer": round(peers, 4),
        "times better": round(ratio, 2),
        "pairs": [(round(a, 4), round(b, 4)) for a, b in pairs],
    }


def bounded(
    rounds: list[tuple[float, float, float]], unit: str, smaller_is_better: bool = False
) -> dict[str, Any]:
    """The same, with a server that does nothing as the third: how much better the gateway could be with this client.

    Beside it, how much less the gateway adds to the client's own time than the peer.
    """
    one = compared([(ours, peer) for ours, peer, _ in rounds], unit, smaller_is_better)
    ours, peer, nothing = (statistics.median(r[n] for r in rounds) for n in range(3))
    most = peer / nothing if smaller_is_better else nothing / peer
    times = (ours, peer, nothing) if smaller_is_better else (1 / ours, 1 / peer, 1 / nothing)
    added = times[0] - times[2]
    one["nothing"] = round(nothing, 4)
    one["times better at most"] = round(most, 2)
    one["times less added"] = round((times[1] - times[2]) / added, 1) if added > 0 else None
    one["rounds"] = [tuple(round(value, 4) for value in each) for each in rounds]
    return one
