"""What reporting costs the thread that trains: blocks of twenty short steps with and without it, in turns, in one process.

What the machine does besides changes more slowly than the blocks, so that a microsecond shows which runs of their own hide. What the
sender's thread does hits both kinds of blocks alike; its CPU time is told by itself, for the training waits for Python's lock meanwhile.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import torch
from loops import NAMES, network
from torch import nn

from trainyard.reporting.gateway_reporter import GatewayReporter

BLOCK = 20
"""Steps."""


class NoGateway:
    """Takes everything at once and keeps nothing: a gateway on the same machine would be measured with the rest."""

    def post(self, path: str, body: bytes) -> dict[str, Any]:  # noqa: ARG002 - a transport's arguments
        """As if it were delivered."""
        return {}

    def close(self) -> None:
        """Nothing is open."""


def interleaved(blocks: int, batch: int) -> dict[str, Any]:
    """Microseconds a step of each block, bare and with ten values reported, and of the sender's CPU time for a row."""
    torch.set_num_threads(1)
    model, optimizer, inputs, targets = network(batch)
    with tempfile.TemporaryDirectory() as folder:
        run = GatewayReporter(NoGateway(), Path(folder), "uid", 1)
        done = 0

        def block(reports: bool) -> float:
            nonlocal done
            began = time.perf_counter()
            for _ in range(BLOCK):
                loss = nn.functional.cross_entropy(model(inputs), targets)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                value = loss.item()
                if reports:
                    done += 1
                    run.log(dict.fromkeys(NAMES, value), done)
                    run.progress(done)
            return (time.perf_counter() - began) / BLOCK * 1e6

        for _ in range(20):
            block(False)
        found: tuple[list[float], list[float]] = ([], [])
        before = _cpu_seconds("trainyard-report")
        for turn in range(blocks):
            for reports in (False, True) if turn % 2 == 0 else (True, False):
                found[reports].append(block(reports))
        sender = (_cpu_seconds("trainyard-report") - before) / done * 1e6
        run.finish(60)
    return {"bare": found[0], "reporting": found[1], "sender": sender}


def added(bare: list[float], reporting: list[float]) -> tuple[float, float]:
    """Mean of the differences and its standard error, without the tenth at either end."""
    differences = sorted(b - a for a, b in zip(bare, reporting, strict=True))
    cut = len(differences) // 10
    kept = differences[cut:-cut]
    return statistics.mean(kept), statistics.stdev(kept) / len(kept) ** 0.5


def _cpu_seconds(thread: str) -> float:
    """Of a thread of this process."""
    number = next(t.native_id for t in threading.enumerate() if t.name == thread)
    return int(Path(f"/proc/self/task/{number}/schedstat").read_text().split()[0]) / 1e9
