"""The fault suite from the command line: `make faults-full`, `make soak`; docs/faults.md explains it.

python tests/faults full      every crash point of every scenario, then the other faults; goes on where it was interrupted
python tests/faults mutants   seeded bugs, each of which has to be caught
python tests/faults baseline  the crash points of a textbook operator
python tests/faults soak      random scenarios and faults for hours, with memory and descriptors
python tests/faults table     the tables of docs/faults.md from what was run
"""

from __future__ import annotations

import argparse
import itertools
import queue
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
from lane import Lane, Outcome, lane  # noqa: E402
from ledger import Ledger, broken, table  # noqa: E402
from operator_process import OPERATOR  # noqa: E402
from scenarios import SCENARIOS  # noqa: E402
from seeded_bugs import check_bugs  # noqa: E402
from soak import soak  # noqa: E402

OURS: Final = "Trainyard"
NAIVE: Final = "naive kopf"
NAIVE_SCENARIOS: Final = ("submit", "queue", "burst", "stop-running", "delete-running", "gang")
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
    kinds = [k for k in Kind if k.value in options.kinds]
    run.all(options.only or SCENARIOS, kinds or (*CRASHES, *PERTURBATIONS))
    if not kinds:
        run.these((s, Fault(Kind.OUTAGE, Call("POST jobs", 1), t)) for s in ("submit", "queue") for t in OUTAGES)  # fmt: skip
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

        Kinds of faults come by turns, so that an interrupted run has tried some of each; crash points come first.
        """
        names = list(scenarios)
        self.these((name, None) for name in names)
        for line in self._ledger.lines():
            if line["operator"] == self._operator and not line["kind"]:
                self._usual[line["scenario"]] = line["counts"]
        for group in (CRASHES, [k for k in kinds if k not in CRASHES]):
            chosen = [k for k in group if k in set(kinds)]
            lists = [points(self._usual.get(name, {}), chosen) for name in names]
            work = [[(name, f) for f in faults] for name, faults in zip(names, lists, strict=True)]
            turns = itertools.zip_longest(*work)
            self.these(item for turn in turns for item in turn if item is not None)

    def these(self, work: Iterable[Work]) -> None:
        """Make these trials, those that were made before left out."""
        done = self._ledger.done(self._operator)
        todo: queue.SimpleQueue[Work] = queue.SimpleQueue()
        for name, fault in work:
            if (name, fault.kind.value if fault else "", str(fault.call) if fault else "") not in done:  # fmt: skip
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
        patience = 60.0 if self._operator == NAIVE else 180.0
        try:
            outcome = own.run(name, fault, self._usual.get(name) if fault else None, patience)
        except Exception as error:
            _say(f"{name} [{fault}] could not be tried: {error!r}")
            return
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
