"""What is known of the runs of one session. Pure.

The state is a function of the reports that were kept: it is built again from their lines. Reports
may come twice without a change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trainyard_api.mlflow import DEFAULT_EXPERIMENT, experiment_id_of
from trainyard_api.runs.lines import Report

MOST_RUNS = 300
"""Runs that are remembered; the gateway answers for older ones that have ended."""
RUNNING, ACTIVE, DELETED = "RUNNING", "active", "deleted"
RUN_NAME, PARENT = "mlflow.runName", "mlflow.parentRunId"
_NUMBERS = {"NaN": 0.0, "Infinity": float("inf"), "-Infinity": float("-inf")}

Point = dict[str, Any]
"""key, value, timestamp and step."""


class Run:
    """One run, as MLflow's protocol describes it."""

    def __init__(self, run_id: str, *, start_time: int = 0, name: str = "", user: str = "") -> None:
        self.id = run_id
        self.experiment = DEFAULT_EXPERIMENT
        """Name of its experiment."""
        self.name, self.user, self.status = name, user, RUNNING
        self.start_time = start_time
        self.end_time: int | None = None
        self.deleted = False
        self.metrics: dict[str, Point] = {}
        """The latest value of each."""
        self.params: dict[str, str] = {}
        self.given_params: dict[str, str] = {}
        """What the program has given in this attempt, also where an earlier value stays."""
        self.tags: dict[str, str] = {}
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []

    @property
    def experiment_id(self) -> str:
        """Id of its experiment."""
        return experiment_id_of(self.experiment)

    def apply(self, report: Mapping[str, Any], *, this_attempt: bool) -> None:
        """Take a report of this run."""
        created = report.get("created")
        if created:
            self.name = created.get("name", "")
            self.user, self.start_time = created.get("user", ""), created.get("startTime", 0)
            self.experiment = created.get("experiment", self.experiment)
        self.experiment = report.get("experiment", self.experiment)
        self.name = report.get("name", self.name)
        self.status = report.get("status", self.status)
        if "status" in report:
            self.end_time = report.get("endTime")
        self.deleted = report.get("deleted", self.deleted)
        for point in report.get("metrics") or ():
            known = self.metrics.get(point["key"])
            if known is None or _order(point) >= _order(known):
                self.metrics[point["key"]] = point
        for key, value in (report.get("params") or {}).items():
            self.params.setdefault(key, value)
            if this_attempt:
                self.given_params.setdefault(key, value)
        for key in report.get("removedTags") or ():
            self.tags.pop(key, None)
        self.tags.update(report.get("tags") or {})
        self._use(report.get("inputs") or ())
        self.outputs += [o for o in report.get("outputs") or () if o not in self.outputs]

    def _use(self, inputs: Sequence[dict[str, Any]]) -> None:
        """Take datasets; one that is there keeps its tags, if it has any."""
        if not inputs:
            return
        known = {_dataset(each): each for each in self.inputs}
        for given in inputs:
            if not known.get(_dataset(given), {}).get("tags"):
                known[_dataset(given)] = given
        self.inputs = list(known.values())

    def report(self) -> Report:
        """A report that makes this state again, but for older values of metrics."""
        found: Report = {"run": self.id, "created": self.created(), "tags": self.tags}
        found |= {"experiment": self.experiment, "name": self.name, "status": self.status}
        found |= {"params": self.params, "metrics": list(self.metrics.values())}
        found |= {"inputs": self.inputs, "outputs": self.outputs, "deleted": self.deleted}
        return found if self.end_time is None else {**found, "endTime": self.end_time}

    def created(self) -> dict[str, Any]:
        """How the run was made."""
        return {
            "experiment": self.experiment,
            "name": self.name,
            "user": self.user,
            "startTime": self.start_time,
        }


class RunStates:
    """The runs of a session, the session's own first."""

    def __init__(self, own: Run, attempt: int) -> None:
        self.own = own
        self._attempt = attempt
        self._runs: dict[str, Run] = {own.id: own}
        self.experiments: dict[str, str] = {}
        """Names of experiments by id."""
        self._name(own.experiment)

    def find(self, run_id: str) -> Run | None:
        """A run of this session; None for another one."""
        return self._runs.get(run_id)

    def all(self) -> list[Run]:
        """Those that are remembered."""
        return list(self._runs.values())

    def apply(self, report: Mapping[str, Any], attempt: int) -> Run:
        """Take a report of `attempt`; the run that it is about."""
        run_id = report["run"]
        run = self._runs.get(run_id)
        if run is None:
            run = self._runs[run_id] = Run(run_id)
            self._forget()
        run.apply(report, this_attempt=attempt == self._attempt)
        self._name(run.experiment)
        return run

    def _name(self, experiment: str) -> None:
        self.experiments[experiment_id_of(experiment)] = experiment

    def name_experiment(self, name: str) -> str:
        """The id of an experiment, which is remembered."""
        self._name(name)
        return experiment_id_of(name)

    def _forget(self) -> None:
        """Forget the oldest runs that have ended, but the session's own."""
        for run in list(self._runs.values())[1:]:
            if len(self._runs) <= MOST_RUNS:
                return
            if run.status not in (RUNNING, "SCHEDULED"):
                del self._runs[run.id]


def _dataset(used: dict[str, Any]) -> tuple[Any, Any]:
    return used["dataset"].get("name"), used["dataset"].get("digest")


def _order(point: Point) -> tuple[int, int, float]:
    value = point["value"]
    number = _NUMBERS[value] if isinstance(value, str) else float(value)
    return point["step"], point["timestamp"], number
