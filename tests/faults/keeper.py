"""What a kubelet and a second replica do while one trial runs: start the operator again, and take its Lease over."""

from __future__ import annotations

import threading
import time
from typing import Final

from fault_plan import CLOCK_SECONDS, Kind
from fault_proxy import Trial
from kubernetes import client
from operator_lab import Lab
from operator_process import OperatorProcess

LEASE: Final = "t-operator"


class Keeper:
    """Starts an operator again when one was killed, and a second one while the first is stopped."""

    def __init__(self, operator: OperatorProcess, trial: Trial, lab: Lab, successor: str) -> None:
        self._operator, self._trial, self._lab, self._successor = operator, trial, lab, successor
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._leases = client.CoordinationV1Api(lab.api)

    def __enter__(self) -> Keeper:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=60)

    def _run(self) -> None:
        fault = self._trial.fault
        other = fault is not None and fault.kind is Kind.SUCCESSOR
        # Operators that are started from now on are those after the fault.
        self._operator.clock_seconds = CLOCK_SECONDS.get(fault.kind, 0.0) if fault else 0.0
        while not self._stop.wait(0.1):
            if self._operator.frozen and self._trial.over is None:
                self._overtake()
            started = self._operator.watch(self._successor if other else None)
            if started and self._trial.struck is not None and self._trial.over is None:
                self._trial.over = time.monotonic()

    def _overtake(self) -> None:
        self._operator.succeed(self._successor)
        while not self._stop.wait(0.1) and self._holder() != self._successor:
            pass
        self._operator.thaw()
        self._trial.over = time.monotonic()

    def _holder(self) -> str:
        lease = self._leases.read_namespaced_lease(LEASE, self._lab.namespace)
        return str(lease.spec.holder_identity)
