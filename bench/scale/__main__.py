"""`python bench/scale`: what a decision costs in a large cluster, and in small ones beside it.

The state of the operator is filled with nodes of eight GPUs, one running session for each GPU, and
waiting ones, through the operator's own readers and decisions (`cluster_of.py`). Then sessions end
one after another. Each size is measured in a process of its own, in seconds of the processor. No cluster is
needed. `objectsMib` is the process with all objects before the operator reads them; an operator
keeps none of these.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bench" / "operator"), str(Path(__file__).parent)]

import machine  # noqa: E402  # found by the lines above
from cluster_of import GPUS, NAMESPACE, Objects, informer  # noqa: E402
from example_settings import example  # noqa: E402

from trainyard_operator.core.cache import DecisionCache  # noqa: E402
from trainyard_operator.core.decide import decide  # noqa: E402
from trainyard_operator.informer import Informer  # noqa: E402

SIZES = ("10:500:1", "100:5000:5", "1000:50000:50")
"""Nodes, waiting sessions, queues."""
ENDS = 100
"""Sessions that end while decisions are timed."""


def main() -> None:
    """Measure each size, and write the results."""
    parser = argparse.ArgumentParser(description="Measure decisions in large clusters.")
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), metavar="NODES:WAITING:QUEUES")
    parser.add_argument("--one", metavar="SIZE", help="measure this size in this process")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "scale.json")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(Measured(*map(int, options.one.split(":"))).run()))
        return
    results: dict[str, Any] = {"machine": machine.shape(), "sizes": {}}
    for size in options.sizes:
        argv = [sys.executable, str(Path(__file__).parent), "--one", size]
        said = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
        results["sizes"][size] = json.loads(said.splitlines()[-1])
        print(size, json.dumps(results["sizes"][size], indent=2), flush=True)
    options.out.write_text(json.dumps(results, indent=2) + "\n")


class Measured:
    """One size."""

    def __init__(self, nodes: int, waiting: int, queues: int) -> None:
        self.config = example(NAMESPACE).config()
        self.objects = Objects(now=1_800_000_000.0)
        for number in range(nodes):
            self.objects.add_node(number)
        for number in range(queues):
            self.objects.add_queue(number)
        for number in range(nodes * GPUS + waiting):
            self.objects.add_session(number, number % queues)
        self.running = nodes * GPUS
        self.cache = DecisionCache.create(self.config.installation)

    def run(self) -> dict[str, float]:
        """The figures."""
        found: dict[str, float] = {"objectsMib": machine.rss_mib(_own())}
        self.state, found["readSeconds"] = timed(self.read)
        found["rssAfterReadMib"] = machine.rss_mib(_own())
        _, found["firstSeconds"] = timed(lambda: self.decide(0))
        self.settle()
        found["rssMib"] = machine.rss_mib(_own())
        found |= self.steady()
        self.cache = DecisionCache.create(self.config.installation)
        self.state, found["restartReadSeconds"] = timed(self.read)
        _, found["restartFirstDecisionSeconds"] = timed(lambda: self.decide(0))
        found["peakMib"] = machine.peak_mib(_own())
        return {key: round(value, 4) for key, value in found.items()}

    def read(self) -> Informer:
        """A new state from all objects."""
        state = informer(self.config)
        for kind, by_uid in self.objects.by_kind.items():
            for raw in by_uid.values():
                state.absorb(kind, raw)
        return state

    def decide(self, updates: int) -> int:
        """One decision, whose writes are applied; how many there were."""
        state = self.state.state
        for uid in state.touched:
            self.cache.forget(uid)
        state.touched.clear()
        decisions = decide(state, self.objects.now, self.config, self.cache, status_updates=updates)
        self.timed_writes = decisions.writes
        return len(decisions.writes)

    def apply(self) -> None:
        """Carry the writes of the last decision out."""
        for write in self.timed_writes:
            for kind, raw in self.objects.apply(write):
                self.state.absorb(kind, raw)

    def settle(self) -> None:
        """Until every GPU is held and nothing is left to write but positions."""
        for _ in range(20):
            self.apply()
            if not self.decide(0):
                break
        held = len(self.objects.by_kind["jobs"])
        if held != self.running:
            raise SystemExit(f"{held} of {self.running} sessions run")

    def steady(self) -> dict[str, float]:
        """Decisions without and with positions while sessions end one after another."""
        decisions, surveys, admitted = [], [], 0
        for number in range(min(ENDS, self.running)):
            self.objects.now += 1
            uid = next(
                job["metadata"]["ownerReferences"][0]["uid"]
                for job in self.objects.by_kind["jobs"].values()
                if "succeeded" not in job["status"]
            )
            for kind, raw in self.objects.end(uid):
                self.state.absorb(kind, raw)
            _, took = timed(lambda: self.decide(0))
            decisions.append(took)
            self.apply()
            admitted += sum(type(w).__name__ == "CreateJob" for w in self.timed_writes)
            if number % 10 == 0:
                _, took = timed(lambda: self.decide(200))
                surveys.append(took)
                self.apply()
        return {
            "decisionMs": statistics.median(decisions) * 1000,
            "decisionWorstMs": max(decisions) * 1000,
            "surveyMs": statistics.median(surveys) * 1000,
            "surveyWorstMs": max(surveys) * 1000,
            "admitted": admitted,
        }


def timed(work: Any) -> tuple[Any, float]:
    """What it gives, and how many seconds of the processor it takes."""
    started = time.process_time()
    return work(), time.process_time() - started


def _own() -> int:
    return int(Path("/proc/self").resolve().name)


if __name__ == "__main__":
    main()
