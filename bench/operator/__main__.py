"""`python bench/operator`: the operator against floors measured in the same run, on simulated nodes.

    a  N sessions of 1 GPU, N/5 slots, 5-s pods, against N plain Jobs: makespan, API writes and CPU per session
    b  64 slots under 100 … 10,000 waiting sessions: decision time, freed slot → next Job, slots busy
    c  restart with all those sessions: time to the first right decision, memory
    d  idle with finished and running sessions: API writes, CPU
    k  N jobs as plain Jobs, as sessions and as Jobs of a queue of Kueue, in turns: makespan, writes, CPU, memory
    q  the same three with 64 slots and a deep queue: freed slot → next start, slots busy

Needs a cluster with KWOK (`make cluster-up KWOK_NODES=1`). Results go to bench/results/operator.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(Path(__file__).parent)]

import arms  # noqa: E402  # found by the line above
import comparison  # noqa: E402
import machine  # noqa: E402
import scenarios  # noqa: E402
from cluster import apply_crds  # noqa: E402

SCENARIOS: dict[str, Callable[[Path, Path, argparse.Namespace], Awaitable[dict[str, Any]]]] = {
    "a": scenarios.throughput,
    "b": scenarios.backlog,
    "d": scenarios.idle,
    "k": comparison.makespan,
    "q": comparison.deep_queue,
}


def main() -> None:
    """Run the chosen scenarios and write the results."""
    parser = argparse.ArgumentParser(description="Measure the operator.")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--only", default="abdkq", help="scenarios to run (c is part of b)")
    parser.add_argument("--sessions", type=int, default=2000, help="sessions of scenarios a and k")
    parser.add_argument("--waiting", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--seconds", type=float, default=60, help="how long b, d and q watch")
    parser.add_argument("--arms", nargs="+", choices=arms.NAMES, default=list(arms.NAMES))
    parser.add_argument("--rounds", type=int, default=2, help="of k and q, each with every arm")
    parser.add_argument("--deep", type=int, default=1000, help="how many wait in q")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "operator.json")
    options = parser.parse_args()
    apply_crds(options.kubeconfig)
    results: dict[str, Any] = {"machine": machine.shape()}
    for name in options.only:
        with tempfile.TemporaryDirectory(prefix="bench-operator-") as folder:
            found = asyncio.run(SCENARIOS[name](options.kubeconfig, Path(folder), options))
        results[name] = found
        print(name, json.dumps(found, indent=2), flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=2) + "\n")
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
