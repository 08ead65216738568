"""`python bench/operator`: the operator against floors measured in the same run, on simulated nodes.

    a  N sessions of 1 GPU, N/5 slots, 5-s pods, against N plain Jobs: makespan, API writes and CPU per session
    b  64 slots under 100 … 10,000 waiting sessions: decision time, freed slot → next Job, slots busy
    c  restart with all those sessions: time to the first right decision, memory
    d  idle with finished and running sessions: API writes, CPU

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

import machine  # noqa: E402  # found by the line above
import scenarios  # noqa: E402
from cluster import apply_crds  # noqa: E402

SCENARIOS: dict[str, Callable[[Path, Path, argparse.Namespace], Awaitable[dict[str, Any]]]] = {
    "a": scenarios.throughput,
    "b": scenarios.backlog,
    "d": scenarios.idle,
}


def main() -> None:
    """Run the chosen scenarios and write the results."""
    parser = argparse.ArgumentParser(description="Measure the operator.")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--only", default="abd", help="scenarios to run (c is part of b)")
    parser.add_argument("--sessions", type=int, default=2000, help="sessions of scenario a")
    parser.add_argument("--waiting", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--seconds", type=float, default=60, help="how long b and d watch")
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
