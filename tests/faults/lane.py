"""A namespace in which trials run one after the other, and the verdict on each."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from cluster import fresh_namespace
from fault_plan import Fault
from fault_proxy import FaultProxy, Trial
from history import HistoryGap, Recorder
from keeper import LEASE, Keeper
from kubernetes import client
from operator_lab import Lab
from operator_process import OPERATOR, Forker, OperatorProcess
from oracle import Violation, at_rest, orphans, violations, world_of
from poll import NotInTimeError, eventually
from scenarios import SCENARIOS
from stage import CANARY, OutcomeError, Stage

from trainyard_kube import KubeConfig

PATIENCE: Final = 180.0
"""Seconds for each wait: long enough for a machine that is ten times slower than usual."""
LIMIT_SECONDS: Final = 60.0
"""The promise: so long after the end of a fault everything is as it should be."""
TRIES: Final = 5
GPUS: Final = 4
LARGE_NODE: Final = 8
QUIET_SECONDS: Final = 3.0
"""So long without a write means that none follows, in a trial without a fault…"""
SETTLED_SECONDS: Final = 1.0
"""… and in one with a fault."""
REFUSED: Final = "the API server refused a write"
"""What the operator's log says of a write that could never have been right."""
GRACE_SECONDS: Final = 5.0
"""How long rest is waited for after something was wrong already."""


@dataclass
class Outcome:
    """What one trial showed."""

    scenario: str
    fault: Fault | None
    violations: list[Violation] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    """Mutating requests by kind."""
    struck: bool = False
    """Whether the trial came to the request of its fault."""
    recovery: float = 0.0
    """Seconds from the end of the fault until all was as it should be."""
    took: float = 0.0
    """Seconds of the whole trial."""

    def __str__(self) -> str:
        found = "; ".join(map(str, self.violations)) or "ok"
        return f"{self.scenario} [{self.fault or 'no fault'}] {self.took:.1f} s: {found}"


class Lane:
    """Runs trials; use `lane()`."""

    def __init__(
        self, lab: Lab, recorder: Recorder, proxy: FaultProxy, operator: OperatorProcess
    ) -> None:
        self.lab, self.recorder, self.proxy, self.operator = lab, recorder, proxy, operator
        self.keep_operator = False
        """Whether the operator of one trial works on in the next."""
        proxy.kill, proxy.freeze = operator.kill, operator.freeze

    def run(
        self,
        scenario: str,
        fault: Fault | None = None,
        usual: Mapping[str, int] | None = None,
        patience: float = PATIENCE,
    ) -> Outcome:
        """One trial. `usual` are the requests of a run without a fault.

        It is repeated if its history has a gap; after `TRIES` of these raises HistoryGap.
        """
        for _ in range(TRIES - 1):
            with suppress(HistoryGap):
                return self._run(scenario, fault, usual, patience)
            self.operator.end()
        return self._run(scenario, fault, usual, patience)

    def _run(
        self, scenario: str, fault: Fault | None, usual: Mapping[str, int] | None, patience: float
    ) -> Outcome:
        started, token = time.monotonic(), uuid.uuid4().hex[:6]
        stage = Stage(self.lab, token, patience)
        trial = self.proxy.begin(fault, self.recorder.begin())
        if not (self.keep_operator and self.operator.pid):
            self._release_lease()
            self.operator.begin(f"first-{token}")
        self._log_from = self.operator.log.stat().st_size
        keeper = Keeper(self.operator, trial, self.lab, f"second-{token}")
        outcome = Outcome(scenario, fault)
        with keeper:
            try:
                self._play(scenario, stage, trial, outcome, usual)
            finally:
                outcome.violations += self._clear(stage, patience)
        if not self.keep_operator:
            self.operator.end()
        outcome.counts, outcome.took = trial.counts, time.monotonic() - started
        outcome.struck = trial.struck is not None
        return outcome

    def _play(  # the trial's parts
        self,
        scenario: str,
        stage: Stage,
        trial: Trial,
        outcome: Outcome,
        usual: Mapping[str, int] | None,
    ) -> None:
        found = outcome.violations
        try:
            SCENARIOS[scenario](stage)
        except OutcomeError as error:
            found.append(Violation("I1 outcome", str(error)))
        except NotInTimeError as error:
            found.append(Violation("I1 converges", f"{error}: {error.__cause__ or ''}"[:500]))
        found += self._rest(GRACE_SECONDS if found else stage.patience)
        over = trial.over or trial.struck
        outcome.recovery = max(0.0, time.monotonic() - over) if over else 0.0
        found += self._stays_at_rest(trial)
        events = self.recorder.events()
        found += violations(events, self._gpus(scenario), [CANARY])
        found += stage.lost(events) + stage.overtaken(events)
        found += self._about_process()
        found += self._about_writes(trial, usual)

    def _release_lease(self) -> None:
        """No operator lives, so that the first one of a trial need not wait for the last one's Lease."""
        with suppress(client.ApiException):
            client.CoordinationV1Api(self.lab.api).delete_namespaced_lease(
                LEASE, self.lab.namespace
            )

    def _rest(self, patience: float) -> list[Violation]:
        """Wait until the status of each session is what its Jobs and pods are; what is not so at the end."""
        left: list[Violation] = []

        def resting() -> bool:
            left[:] = at_rest(world_of(self.recorder.seen()))
            return not left

        # What the scenario has seen already, the watches must have seen, too.
        self.recorder.settle()
        try:
            eventually(resting, within=patience, every=0.1, what="rest")
        except NotInTimeError:
            return left
        return []

    def _gpus(self, scenario: str) -> int:
        return GPUS + LARGE_NODE * 2 if scenario == "node-removed" else GPUS

    def _about_process(self) -> Iterator[Violation]:
        for code, times in Counter(self.operator.ended).items():
            what = f"the operator ended by itself with {code}, {times} times"
            yield Violation("I6 operator runs", what)
        with self.operator.log.open("rb") as file:
            file.seek(self._log_from)
            log = file.read().decode(errors="replace")
        if REFUSED in log:
            line = next(line for line in log.splitlines() if REFUSED in line)
            yield Violation("I6 no write is refused", line[:500])
        if CANARY in log:
            yield Violation("I11 no secret in the log", "the operator's log holds a secret")

    def _about_writes(self, trial: Trial, usual: Mapping[str, int] | None) -> Iterator[Violation]:
        count = sum(n for what, n in trial.counts.items() if not what.endswith(" leases"))
        if usual is not None:
            most = 3 * sum(n for w, n in usual.items() if not w.endswith(" leases")) + 30
            if count > most:
                yield Violation("I6 no hot loop", f"{count} writes; {most} would be many")

    def _stays_at_rest(self, trial: Trial) -> Iterator[Violation]:
        """Whether the operator, once it has seen how everything ended, has nothing more to do.

        Without this the verdict would come before an operator that goes on after the end.
        """
        began, seconds = time.monotonic(), QUIET_SECONDS if trial.fault is None else SETTLED_SECONDS

        def quiet() -> bool:
            return time.monotonic() - max(began, trial.last_write) > seconds

        try:
            eventually(quiet, within=60, every=0.1, what="no more writes")
        except NotInTimeError:
            yield Violation(
                "I6 quiet at rest", f"{sum(trial.counts.values())} writes, and more come"
            )
        yield from self._rest(GRACE_SECONDS)

    def _clear(self, stage: Stage, patience: float) -> list[Violation]:
        """Delete all sessions; what is left of them afterwards is an orphan."""
        stage.clear()
        left: list[Violation] = []

        def gone() -> bool:
            left[:] = list(orphans(world_of(self.recorder.seen())))
            return not left and not self.lab.jobs() and not self.lab.pods()

        try:
            eventually(gone, within=patience, every=0.2, what="all gone")
        except NotInTimeError:
            self._force()
            return left or [Violation("I4 no orphan", "Jobs or pods are left")]
        return []

    def _force(self) -> None:
        """Remove what a broken operator left, so that the next trial begins clean."""
        self.operator.end()
        options = client.V1DeleteOptions(propagation_policy="Background")
        self.lab.batch.delete_collection_namespaced_job(self.lab.namespace, body=options)
        for pod in self.lab.pods():
            self.lab.core.patch_namespaced_pod(
                pod.metadata.name, self.lab.namespace, {"metadata": {"finalizers": None}}
            )
        self.lab.core.delete_collection_namespaced_pod(self.lab.namespace, grace_period_seconds=0)
        eventually(lambda: not self.lab.pods() and not self.lab.jobs(), within=180, what="clean")


@contextmanager
def lane(
    kubeconfig: Path,
    folder: Path,
    module: str = OPERATOR,
    sources: tuple[Path, ...] = (),
    **settings: Any,
) -> Iterator[Lane]:
    """A furnished namespace with a proxy; `module` is the operator, `sources` replace packages of it."""
    with fresh_namespace(kubeconfig, "faults") as namespace:
        lab = Lab(kubeconfig, namespace, folder, {f"{namespace}-n0": GPUS})
        lab.settings |= {"minimumRunSeconds": 1, "startTimeoutSeconds": 600, **settings}
        default = lab.settings["runtimes"]["default"]
        lab.settings["runtimes"]["stuck"] = {**default, "runtimeClassName": "there-is-none"}
        forker = Forker(module, sources)
        try:
            lab.furnish()
            with FaultProxy(KubeConfig.from_file(kubeconfig)) as proxy, Recorder(lab) as recorder:
                through = folder / "through-the-proxy"
                through.write_text(proxied_kubeconfig(proxy.url, namespace))
                operator = OperatorProcess(forker, lab.settings, folder, through)
                yield Lane(lab, recorder, proxy, operator)
        finally:
            forker.close()
            lab.clear()


def proxied_kubeconfig(url: str, namespace: str) -> str:
    """Plain HTTP to the proxy; its own connection to the API server is the real one."""
    name = "faults"
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "clusters": [{"name": name, "cluster": {"server": url}}],
            "contexts": [
                {"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}
            ],
            "users": [{"name": name, "user": {}}],
        }
    )
