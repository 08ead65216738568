"""`make bench-trace`: weeks of a real lab in simulated time, under several policies.

Figures go to bench/results/trace.json, the page to docs/replayed-weeks.md, its pictures to
docs/pictures.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT / "bench")

from replay import page  # noqa: E402  # found by the line above
from replay.arms import arms  # noqa: E402
from replay.event_loop import replay  # noqa: E402
from replay.figures import Figures, figures_of, summary  # noqa: E402
from replay.workload import (  # noqa: E402
    WEEK,
    Habits,
    TraceError,
    TraceJob,
    busiest,
    capacity,
    made,
    read_trace,
)

TRACE = Path(__file__).parent / "philly.csv.gz"
LOAD = 0.85


def one(task: tuple[str, Sequence[TraceJob], int, Habits, Sequence[str]]) -> dict[str, Any]:
    """One cluster's week with one seed, under each policy named."""
    cluster, jobs, seed, habits, names = task
    start = busiest(jobs)
    nodes, each = capacity(jobs, start, LOAD)
    works = made([j for j in jobs if start - WEEK <= j.submitted < start + WEEK], seed, habits)
    found: dict[str, Figures] = {}
    seconds = {}
    for name, arm in arms(nodes, each, (start, start + WEEK)).items():
        if names and name not in names:
            continue
        begun = time.process_time()
        world = replay(works, nodes, each, arm)
        seconds[name] = round(time.process_time() - begun, 2)
        found[name] = figures_of(world, arm.estimates, start)
    return {
        "cluster": cluster,
        "seed": seed,
        "week": datetime.fromtimestamp(start, UTC).date().isoformat(),
        "sessions": sum(start <= w.submitted for w in works),
        "gpus": nodes * each,
        "toldByProgram": habits.told_by_program,
        "cpuSeconds": seconds,
        "figures": found,
    }


def main() -> None:
    """Replay what the options name and write figures, page and pictures."""
    options = _options()
    try:
        jobs = read_trace(options.trace)
    except TraceError as error:
        sys.exit(f"{error}")
    by_cluster: dict[str, list[TraceJob]] = defaultdict(list)
    for job in jobs:
        by_cluster[job.cluster].append(job)
    unknown = set(options.clusters) - set(by_cluster)
    if unknown:
        sys.exit(f"no cluster {', '.join(sorted(unknown))}; there are {', '.join(by_cluster)}")
    chosen = options.clusters or sorted(by_cluster)
    tasks = [
        (cluster, by_cluster[cluster], seed, habits, options.arms)
        for habits in (Habits(), Habits(told_by_program=0.0))
        for cluster in chosen
        for seed in range(options.seeds)
    ]
    replays = []
    with ProcessPoolExecutor(options.processes) as pool:
        for found in pool.map(one, tasks):
            replays.append(found)
            print(
                f"{found['cluster']}, seed {found['seed']}: {found['sessions']} sessions,"
                f" {sum(found['cpuSeconds'].values()):.0f} s of CPU",
                flush=True,
            )
    results = _results(options.trace, replays)
    results["leftOut"] = sorted(set(by_cluster) - set(chosen))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    print(page.table(results["summary"]["programs tell"]))
    if not options.no_page:
        page.write(results, ROOT / "docs" / "replayed-weeks.md", ROOT / "docs" / "pictures")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Replay weeks of a trace in simulated time.")
    parser.add_argument("--trace", type=Path, default=TRACE, help="CSV file, plain or gzip")
    parser.add_argument("--clusters", nargs="*", default=[], help="all by default")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--arms", nargs="*", default=[], help="names of policies; all by default")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "trace.json")
    parser.add_argument("--no-page", action="store_true", help="write the figures only")
    options = parser.parse_args()
    if options.arms and not options.no_page:
        parser.error("--arms: the page shows every policy; add --no-page")
    if options.seeds < 1:
        parser.error(f"--seeds {options.seeds}: at least 1")
    return options


def _results(trace: Path, replays: list[dict[str, Any]]) -> dict[str, Any]:
    """Each replay rounded, and the summary over clusters and seeds."""
    groups = {"programs tell": Habits().told_by_program, "programs tell nothing": 0.0}
    summaries: dict[str, Any] = {}
    for group, share in groups.items():
        members = [r for r in replays if r["toldByProgram"] == share]
        summaries[group] = {
            name: summary([r["figures"][name] for r in members]) for name in members[0]["figures"]
        }
    for found in replays:
        for name, figures in found["figures"].items():
            found["figures"][name] = {k: round(v, 4) for k, v in figures.items()}
    return {
        "trace": trace.name,
        "load": LOAD,
        "python": platform.python_version(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "summary": summaries,
        "replays": replays,
    }


if __name__ == "__main__":
    main()
