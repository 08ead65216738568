"""The fault suite from the command line: `make faults-full`, `make soak`; docs/faults.md explains it.

python tests/faults full      every crash point of every scenario, then the other faults; goes on where it was interrupted
python tests/faults long      outages and silent watches, which last minutes
python tests/faults gateway   the same faults between gateway and API server, and between gateway and database
python tests/faults mutants   seeded bugs, each of which has to be caught
python tests/faults baseline  the crash points of a textbook operator
python tests/faults soak      random scenarios and faults for hours, with memory and descriptors
python tests/faults table     the tables of docs/faults.md from what was run
"""

from __future__ import annotations

import argparse
import json
import queue
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Protocol

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support")]

from cluster import apply_crds, find_kubeconfig  # noqa: E402
from fault_plan import (  # noqa: E402
    CRASHES,
    DATABASE,
    OF_THE_GATEWAY,
    PERTURBATIONS,
    Call,
    Fault,
    Kind,
    points,
)
from gateway_lane import gateway_lane  # noqa: E402
from gateway_scenarios import GATEWAY_SCENARIOS  # noqa: E402
from lane import PATIENCE, Outcome, lane  # noqa: E402
from ledger import Ledger, broken, figures, kind_of, table  # noqa: E402
from operator_process import OPERATOR  # noqa: E402
from postgres import Postgres, running_postgres  # noqa: E402
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
OUTAGES: Final = (40.0, 75.0, 600.0)
"""Seconds."""
LONG_SCENARIOS: Final = ("submit", "stop-running")
DATABASES: Final = ("SQLite", "PostgreSQL")

Work = tuple[str, Fault | None]


class Runner(Protocol):
    """A lane of the operator or of the gateway."""

    def run(
        self,
        scenario: str,
        fault: Fault | None = None,
        usual: dict[str, int] | None = None,
        patience: float = PATIENCE,
    ) -> Outcome:
        """One trial."""


MakeLane = Callable[[Path], AbstractContextManager[Runner]]


def main() -> int:
    """Run a command; the exit code."""
    options = _parser().parse_args()
    ledger = Ledger(options.state)
    if options.command == "table":
        _say(table(ledger.lines()))
        _say("\n".join(broken([x for x in ledger.lines() if x["operator"] != NAIVE])))
        if options.results is not None:
            options.results.write_text(json.dumps(figures(ledger.lines()), indent=1) + "\n")
        return 0
    kubeconfig = options.kubeconfig or find_kubeconfig()
    apply_crds(kubeconfig)
    if options.command == "mutants":
        folder = ROOT / "build" / "faults"
        return check_bugs(kubeconfig, folder, options.only, _say, options.lanes)
    if options.command == "soak":
        return soak(kubeconfig, options.hours, options.seed, ROOT / "build" / "faults", _say)
    kinds = [k for k in Kind if k.value in (options.kinds or ALL)]
    if options.command == "gateway":
        _gateway(kubeconfig, ledger, options, kinds)
    elif options.command == "baseline":
        naive = Run(ledger, NAIVE, _operators(kubeconfig, "naive_operator"), options)
        naive.all(options.only or NAIVE_SCENARIOS, [CRASHES])
        return 0
    else:
        ours = Run(ledger, OURS, _operators(kubeconfig, OPERATOR), options)
        if options.command == "full":
            groups = [[k for k in group if k in kinds] for group in (CRASHES, PERTURBATIONS)]
            ours.all(options.only or SCENARIOS, groups)
        ours.these(_long(kinds))
    return int(any(x["violations"] for x in ledger.lines() if x["operator"] != NAIVE))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = ["full", "long", "gateway", "mutants", "baseline", "soak", "table"]
    parser.add_argument("command", choices=commands)
    parser.add_argument("--kubeconfig", type=Path, help="a cluster with kwok (default: `test`)")
    parser.add_argument("--state", type=Path, default=ROOT / "build" / "faults" / "trials.jsonl")
    parser.add_argument("--lanes", type=int, default=3, help="trials beside each other")
    parser.add_argument("--only", nargs="*", default=[], help="scenarios or mutants")
    parser.add_argument("--kinds", nargs="*", default=[], help="kinds of faults")
    parser.add_argument("--most", type=int, help="trials of each group, crashes and others")
    parser.add_argument("--results", type=Path, help="write the figures of `table` here as JSON")
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=0)
    return parser


def _operators(kubeconfig: Path, module: str) -> MakeLane:
    return lambda folder: lane(kubeconfig, folder, module)


def _gateway(
    kubeconfig: Path, ledger: Ledger, options: argparse.Namespace, kinds: list[Kind]
) -> None:
    """All faults on both databases; those of the database only where it is a server."""
    with running_postgres() as server:
        for name in DATABASES:
            database = server if name == "PostgreSQL" else None
            run = Run(ledger, f"gateway, {name}", _gateways(kubeconfig, database), options)
            others = [*OF_THE_GATEWAY, *(DATABASE if database else ())]
            groups = [[k for k in group if k in kinds] for group in (CRASHES, others)]
            run.all(options.only or GATEWAY_SCENARIOS, groups)


def _gateways(kubeconfig: Path, database: Postgres | None) -> MakeLane:
    return lambda folder: gateway_lane(kubeconfig, folder, database)


def _long(kinds: list[Kind]) -> Iterable[Work]:
    """Faults that last minutes, at the first Job."""
    at = Call("POST jobs", 1)
    for name in LONG_SCENARIOS:
        if Kind.SILENT in kinds:
            yield name, Fault(Kind.SILENT, at)
        if Kind.OUTAGE in kinds:
            yield from ((name, Fault(Kind.OUTAGE, at, seconds)) for seconds in OUTAGES)


class Run:
    """Trials in several lanes beside each other."""

    def __init__(
        self, ledger: Ledger, operator: str, make: MakeLane, options: argparse.Namespace
    ) -> None:
        """`make` gives a lane its program, `operator` is its name in the ledger."""
        self._ledger, self._operator, self._make = ledger, operator, make
        self._lanes, self._most = options.lanes, options.most
        self._lock = threading.Lock()
        self._usual: dict[str, dict[str, int]] = {}

    def all(self, scenarios: Iterable[str], groups: Iterable[Iterable[Kind]]) -> None:
        """Count the writes of each scenario, then play it with each fault at each of them.

        Each group of faults is tried in an order that looks random and is always the same, so that an interrupted run has tried
        some of each.
        """
        names = list(scenarios)
        self.these((name, None) for name in names)
        for line in self._ledger.lines():
            if line["operator"] == self._operator and not line["kind"]:
                self._usual[line["scenario"]] = line["counts"]
        for group in groups:
            work = [(n, f) for n in names for f in points(self._usual.get(n, {}), group)]
            random.Random(ORDER).shuffle(work)
            self.these(work[: self._most])

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
        with tempfile.TemporaryDirectory() as folder, self._make(Path(folder)) as own:
            while not todo.empty():
                self._one(own, *todo.get())

    def _one(self, own: Runner, name: str, fault: Fault | None) -> None:
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
