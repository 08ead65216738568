"""Random scenarios with random faults for hours, and what the operator uses meanwhile."""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psutil
from fault_plan import KILLING, PERTURBATIONS, Call, Fault, Kind
from lane import LIMIT_SECONDS, Lane, lane
from scenarios import SCENARIOS

CALLS: Final = ("POST jobs", "PATCH trainingsessions/status", "DELETE jobs")
GENTLE: Final = tuple(k for k in PERTURBATIONS if k not in {*KILLING, Kind.FROZEN})
"""Faults that the operator survives, so that its memory can be followed."""


def soak(
    kubeconfig: Path, hours: float, seed: int, folder: Path, say: Callable[[str], None]
) -> int:
    """Run for so long; 1 if anything was wrong. The same seed chooses the same trials."""
    chance, until = random.Random(seed), time.monotonic() + hours * 3600
    folder.mkdir(parents=True, exist_ok=True)
    log, wrong, trials = folder / "soak.jsonl", 0, 0
    log.write_text("")
    with tempfile.TemporaryDirectory() as place, lane(kubeconfig, Path(place)) as own:
        own.keep_operator = True
        while time.monotonic() < until:
            scenario = chance.choice(sorted(SCENARIOS))
            fault = Fault(chance.choice(GENTLE), Call(chance.choice(CALLS), chance.randint(1, 3)))
            outcome = own.run(scenario, fault)
            trials += 1
            wrong += bool(outcome.violations) or outcome.recovery > LIMIT_SECONDS
            line = {"scenario": scenario, "fault": str(fault), **_usage(own)}
            line |= {"violations": list(map(str, outcome.violations)), "recovery": outcome.recovery}
            with log.open("a") as file:
                file.write(json.dumps(line) + "\n")
            say(f"{trials}: {outcome} {line['rssMiB']} MiB, {line['descriptors']} descriptors")
    say(f"seed {seed}: {trials} trials, {wrong} wrong; {log}")
    return int(wrong > 0)


def _usage(own: Lane) -> dict[str, float]:
    process = psutil.Process(own.operator.pid)
    return {
        "rssMiB": round(process.memory_info().rss / 2**20, 1),
        "descriptors": process.num_fds(),
        "cpuSeconds": round(sum(process.cpu_times()[:2]), 1),
    }
