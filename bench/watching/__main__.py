"""`python bench/watching`: our watches beside kopf's, both of which feed the operator's state.

    cost    10,000 sessions are listed, then statuses change: CPU time and memory of each arm, in turns
    faults  what each arm knows after an expired version, an error in a stream, broken and silent
            streams, and an API server that is away for ten minutes, while sessions come and go

Needs a cluster (`make cluster-up`). Results go to bench/results/watching.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "tests" / "faults")]
sys.path[:0] = [str(ROOT / "bench" / "operator"), str(Path(__file__).parent)]

import costs  # noqa: E402  # found by the lines above
import losses  # noqa: E402
import machine  # noqa: E402
from cluster import apply_crds, fresh_namespace  # noqa: E402

ARMS = ("ours", "kopf", "kopf-tuned")


def main() -> None:
    """Run the chosen parts and write the results."""
    parser = argparse.ArgumentParser(description="Measure who watches how well.")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--only", nargs="+", default=["cost", "faults"])
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--changes", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--away", type=float, default=600, help="seconds without an API server")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "watching.json")
    options = parser.parse_args()
    apply_crds(options.kubeconfig)
    results: dict[str, Any] = {"machine": machine.shape()}
    for part, run in {"cost": costs.run, "faults": losses.run}.items():
        if part not in options.only:
            continue
        with fresh_namespace(options.kubeconfig, "watch") as namespace:
            results[part] = asyncio.run(run(options, namespace))
        print(part, json.dumps(results[part], indent=2), flush=True)
    if "cost" in results:
        results["medians"] = medians(results["cost"])
        print(json.dumps(results["medians"], indent=2))
    options.out.write_text(json.dumps(results, indent=2) + "\n")
    print(f"written to {options.out}")


def medians(cost: dict[str, list[dict[str, float]]]) -> dict[str, dict[str, list[float]]]:
    """Median, least and most of each figure of each arm."""
    return {
        arm: {
            key: [f(r[key] for r in rounds) for f in (statistics.median, min, max)]
            for key in rounds[0]
        }
        for arm, rounds in cost.items()
    }


if __name__ == "__main__":
    main()
