"""Copies what a source holds to the gateway, so that twice is once.

A run has at the gateway the id that it has at the source. Every call may be repeated: a value that
is logged again counts once. The last call of a run sets a tag that says which state of it is there;
a run with that tag is passed over, so that an import continues where it was interrupted. A run that
is not over gets none, and is copied again.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from trainyard.cli.trackers.gateway_runs import GatewayRuns, Refused
from trainyard.cli.trackers.source import CannotRead, Experiment, Run, Source
from trainyard_api.mlflow import is_run_id

TAG = "trainyard.import"
"""Names the state of a run that is here."""
NESTED = "mlflow.parentRunId"


@dataclass
class Copied:
    """What has become of an import."""

    experiments: int = 0
    runs: int = 0
    there: int = 0
    """Runs that were here already."""
    values: int = 0
    files: int = 0
    size_bytes: int = 0
    problems: list[str] = field(default_factory=list)
    """What is not here as the source has it, each as a sentence."""


@dataclass(frozen=True)
class Import:
    """One import from `source` to `gateway`."""

    source: Source
    gateway: GatewayRuns
    copied: Copied = field(default_factory=Copied)
    with_files: bool = True
    say: Callable[[str], None] = lambda _: None

    def all(self, names: Collection[str] = ()) -> Copied:
        """Copy the experiments of these names, or all.

        Raises CannotRead, and the errors of `trainyard.errors`.
        """
        left = set(names)
        for experiment in self.source.experiments():
            if names and experiment.name not in names:
                continue
            left.discard(experiment.name)
            self._experiment(experiment)
        if left:
            raise CannotRead(f"there is no experiment {', '.join(sorted(left))}")
        return self.copied

    def _experiment(self, experiment: Experiment) -> None:
        try:
            place = self.gateway.experiment(experiment)
        except Refused as error:
            self.copied.problems.append(f"experiment {experiment.name}: {error}")
            return
        self.copied.experiments += 1
        before = self.copied.runs + self.copied.there
        for run in self.source.runs(experiment):
            try:
                self._run(place, run)
            except (Refused, CannotRead) as error:
                self.copied.problems.append(f"run {run.name or run.id}: {error}")
        runs = self.copied.runs + self.copied.there - before
        self.say(f"{experiment.name}: {runs} run{'' if runs == 1 else 's'}")

    def _run(self, place: str, run: Run) -> None:
        id, state = id_of(run), state_of(run, with_files=self.with_files)
        if self.gateway.run(id, place, run).get(TAG) == state:
            self.copied.there += 1
            return
        tags = dict(run.tags)
        if NESTED in tags and not is_run_id(tags[NESTED]):
            tags[NESTED] = id_of(Run(tags[NESTED]))
        self.gateway.describe(id, run.params, tags)
        for metric in run.metrics:
            self.copied.values += self.gateway.log(id, metric, self.source.points(run, metric))
        if self.with_files:
            self._files(place, id, run)
        if run.status not in ("RUNNING", "SCHEDULED"):
            self.gateway.describe(id, {}, {TAG: state})
        self.gateway.end(id, run)
        self.copied.runs += 1

    def _files(self, place: str, id: str, run: Run) -> None:
        there = self.gateway.files(id)
        with tempfile.TemporaryDirectory(prefix="trainyard-import-") as folder:
            content = Path(folder) / "content"
            for file in self.source.files(run):
                if file.size is not None and there.get(file.path) == file.size:
                    continue
                self.source.fetch(run, file, content)
                self.gateway.put(place, id, file.path, content)
                self.copied.files += 1
                self.copied.size_bytes += content.stat().st_size


def id_of(run: Run) -> str:
    """The id of a run at the gateway: its own, if it is one of MLflow's. Pure."""
    return run.id if is_run_id(run.id) else hashlib.sha256(run.id.encode()).hexdigest()[:32]


def state_of(run: Run, *, with_files: bool) -> str:
    """A text that differs if the run has changed at the source. Pure."""
    facts = [run.name, run.status, run.end_time, run.deleted, run.params, run.tags, run.metrics]
    text = json.dumps([*facts, with_files], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
