"""The fault suite from the command line: `make faults-full`, `make soak`; docs/faults.md explains it.

python tests/faults full      every crash point of every scenario, then the other faults; goes on where it was interrupted
python tests/faults mutants   seeded bugs, each of which has to be caught
python tests/faults baseline  the crash points of a textbook operator
python tests/faults soak      random scenarios and faults for hours, with memory and descriptors
python tests/faults table     the tables of docs/faults.md from what was run
"""

from __future__ import annotations

import argparse
import queue
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support")]

from cluster import apply_crds, find_kubeconfig  # noqa: E402
from fault_plan import CRASHES, PERTURBATIONS, Call, Fault, Kind, points  # noqa: E402
from lane import PATIENCE, Lane, Outcome, lane  # noqa: E402
from ledger import Ledger, broken, kind_of, table  # noqa: E402
from operator_process import OPERATOR  # noqa: E402
from scenarios import SCENARIOS  # noqa: E402
from seeded_bugs import check_bugs  # noqa: E402
from soak import soak  # noqa: E402

OURS: Final = "Trainyard"
NAIVE: Final = "naive kopf"
NAIVE_SCENARIOS: Final = ("submit", "queue", "stop-running", "delete-running", "gang")
FOREIGN: Final = "I2 name of a Job"
"""A rule of our own, which a textbook operator cannot know."""
ORDER: Final = 1
ALL: Final = frozenset(k.value for k in Kind)
OUTAGES: Final = (40.0, 75.0)
"""Seconds."""

Work = tuple[str, Fault | None]


def main() -> int:
    """Run a command; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("command", choices=["full", "mutants", "baseline", "soak", "table"])
    parser.add_argument("--kubeconfig", type=Path, help="a cluster with kwok (default: `test`)")
    parser.add_argument("--state", type=Path, default=ROOT / "build" / "faults" / "trials.jsonl")
    parser.add_argument("--lanes", type=int, default=3, help="trials beside each other")
    parser.add_argument("--only", nargs="*", default=[], help="scenarios or mutants")
    parser.add_argument("--kinds", nargs="*", default=[], help="kinds of faults")
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    ledger = Ledger(options.state)
    if options.command == "table":
        _say(table(ledger.lines()))
        _say("\n".join(broken([x for x in ledger.lines() if x["operator"] == OURS])))
        return 0
    kubeconfig = options.kubeconfig or find_kubeconfig()
    apply_crds(kubeconfig)
    if options.command == "mutants":
        return check_bugs(kubeconfig, ROOT / "build" / "faults", options.only, _say)
    if options.command == "soak":
        return soak(kubeconfig, options.hours, options.seed, ROOT / "build" / "faults", _say)
    if options.command == "baseline":
        run = Run(kubeconfig, ledger, NAIVE, "naive_operator", options.lanes)
        run.all(options.only or NAIVE_SCENARIOS, CRASHES)
        return 0
    run = Run(kubeconfig, ledger, OURS, OPERATOR, options.lanes)
    kinds = [k for k in Kind if k.value in (options.kinds or ALL)]
    run.all(options.only or SCENARIOS, kinds)
    if Kind.OUTAGE in kinds:
        run.these(
            (name, Fault(Kind.OUTAGE, Call("POST jobs", 1), seconds))
            for name in ("submit", "stop-running")
            for seconds in OUTAGES
        )
    return int(any(x["violations"] for x in ledger.lines() if x["operator"] == OURS))


class Run:
    """Trials in several lanes beside each other."""

    def __init__(
        self, kubeconfig: Path, ledger: Ledger, operator: str, module: str, lanes: int
    ) -> None:
        self._kubeconfig, self._ledger = kubeconfig, ledger
        self._operator, self._module, self._lanes = operator, module, lanes
        self._lock = threading.Lock()
        self._usual: dict[str, dict[str, int]] = {}

    def all(self, scenarios: Iterable[str], kinds: Iterable[Kind]) -> None:
        """Count the writes of each scenario, then play it with each fault at each of them.

        Crash points come first, each group in an order that looks random and is always the same, so that an interrupted run has
        tried some of each.
        """
        names = list(scenarios)
        self.these((name, None) for name in names)
        for line in self._ledger.lines():
            if line["operator"] == self._operator and not line["kind"]:
                self._usual[line["scenario"]] = line["counts"]
        for group in (CRASHES, PERTURBATIONS):
            chosen = [k for k in group if k in set(kinds)]
            work = [(n, f) for n in names for f in points(self._usual.get(n, {}), chosen)]
            random.Random(ORDER).shuffle(work)
            self.these(work)

    def these(self, work: Iterable[Work]) -> None:
        """Make these trials, those that were made before left out."""
        done = self._ledger.done(self._operator)
        todo: queue.SimpleQueue[Work] = queue.SimpleQueue()
        for name, fault in work:
            if (name, kind_of(fault), str(fault.call) if fault else "") not in done:
                todo.put((name, fault))
        self._total, self._made, self._began = todo.qsize(), 0, time.monotonic()
        threads = [
            threading.Thread(target=self._work, args=(todo,))
            for _ in range(min(self._lanes, todo.qsize()))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(self, todo: queue.SimpleQueue[Work]) -> None:
        with (
            tempfile.TemporaryDirectory() as folder,
            lane(self._kubeconfig, Path(folder), self._module) as own,
        ):
            while not todo.empty():
                self._one(own, *todo.get())

    def _one(self, own: Lane, name: str, fault: Fault | None) -> None:
        patience = 30.0 if self._operator == NAIVE else PATIENCE
        try:
            outcome = own.run(name, fault, self._usual.get(name) if fault else None, patience)
        except Exception as error:
            _say(f"{name} [{fault}] could not be tried: {error!r}")
            return
        if self._operator == NAIVE:
            outcome.violations = [v for v in outcome.violations if v.check != FOREIGN]
        with self._lock:
            self._ledger.add(self._operator, outcome)
            self._made += 1
            self._report(outcome)

    def _report(self, outcome: Outcome) -> None:
        left = (time.monotonic() - self._began) / self._made * (self._total - self._made)
        _say(f"{self._made} of {self._total} ({left / 60:.0f} min left): {outcome}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
