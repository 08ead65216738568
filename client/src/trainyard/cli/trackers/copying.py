"""Copies what a source holds to the gateway, so that twice is once.

A run has at the gateway the id that it has at the source. Every call may be repeated: a value that
is logged again counts once. The last call of a run sets a tag that says which state of it is there;
a run with that tag is passed over, so that an import continues where it was interrupted. Until then
the tag says how many values are there: the others follow. A run that is not over, or not copied as
a whole, is copied again.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from trainyard.cli.trackers.gateway_protocol import Refused
from trainyard.cli.trackers.gateway_runs import SESSION_TAG, GatewayRuns, Here, Place
from trainyard.cli.trackers.reached import Reached, is_again, reached_of, text_of
from trainyard.cli.trackers.source import (
    CannotRead,
    Experiment,
    File,
    Run,
    Source,
    SourceAway,
    Unreadable,
)
from trainyard_api.mlflow import is_run_id

TAG = "trainyard.import"
"""Names the state of a run that is here."""
NESTED = "mlflow.parentRunId"
NOT_COPIED = frozenset({TAG, SESSION_TAG, "trainyard.phase"})
"""Tags in which another gateway says what a run is there."""
MOST_PROBLEMS = 100
"""Sentences that are kept."""
_GOING_ON = ("RUNNING", "SCHEDULED")


@dataclass
class Copied:
    """What has become of an import."""

    experiments: int = 0
    runs: int = 0
    there: int = 0
    """Runs that were here already."""
    models: int = 0
    """Registered models that were looked at."""
    versions: int = 0
    """Versions of them that were copied."""
    values: int = 0
    files: int = 0
    size_bytes: int = 0
    problems: list[str] = field(default_factory=list)
    """What is not here as the source has it, each as a sentence; the first ones."""
    wrong: int = 0
    """How many problems there are."""

    def add(self, problem: str) -> None:
        """Note a problem."""
        self.wrong += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)


@dataclass
class _Target:
    """An experiment at the gateway while its runs are copied."""

    gateway: GatewayRuns
    wanted: Experiment
    place: Place

    def open(self) -> str:
        """Its id, once runs can be written. Raises Refused where it was deleted at the gateway."""
        if self.place.deleted:
            if not self.wanted.deleted:
                raise Refused("its experiment was deleted at the gateway; restore it first")
            self.gateway.restore_experiment(self.place.id)
            self.place = self.place._replace(deleted=False)
        return self.place.id

    def close(self) -> None:
        """Delete it, if the source has deleted it."""
        if self.wanted.deleted and not self.place.deleted:
            self.gateway.delete_experiment(self.place.id)


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
            with noting(self.copied, f"experiment {experiment.name}"):
                self._experiment(experiment)
        if left:
            raise CannotRead(f"there is no experiment {', '.join(sorted(left))}")
        return self.copied

    def _experiment(self, experiment: Experiment) -> None:
        target = _Target(self.gateway, experiment, self.gateway.experiment(experiment))
        self.copied.experiments += 1
        if not target.place.deleted:
            for problem in self.gateway.describe_experiment(target.place.id, experiment.tags):
                self.copied.add(f"experiment {experiment.name}: {problem}")
        before = self.copied.runs + self.copied.there
        for run in self.source.runs(experiment):
            if isinstance(run, Unreadable):
                self.copied.add(f"run {run.name}: {run.problem}")
                continue
            with noting(self.copied, f"run {run.name or run.id}"):
                self._run(target, run)
        target.close()
        runs = self.copied.runs + self.copied.there - before
        self.say(f"{experiment.name}: {runs} run{'' if runs == 1 else 's'}")

    def _run(self, target: _Target, run: Run) -> None:
        id, name = id_of(run.id), f"run {run.name or run.id}"
        here, wrong = self.gateway.find(id), self.copied.wrong
        if here is not None and here.is_session:
            raise Refused("it is a session of this gateway")
        files: list[File] = []
        if self.with_files:
            with noting(self.copied, f"{name}: its artifacts"):
                files += self.source.files(run)
        state = state_of(run, files, with_files=self.with_files)
        if here is not None and self._is_done(id, here, run, state):
            self.copied.there += 1
            return
        experiment = target.open()
        if here is not None and here.deleted:
            self.gateway.restore(id)
        self.gateway.make(id, experiment, run)
        tag = None if here is None else here.tags.get(TAG)
        self._describe(id, run, name)
        self._log(id, run, name, state, tag)
        self._files(experiment, id, run, files, {} if is_again(tag) else self.gateway.files(id))
        self.gateway.end(id, run)
        if run.status not in _GOING_ON and wrong == self.copied.wrong:
            # The very last thing: all before it is repeated until it is there.
            self.gateway.describe(id, {}, {TAG: state})
        if run.deleted:
            self.gateway.delete(id)
        self.copied.runs += 1

    def _is_done(self, id: str, here: Here, run: Run, state: str) -> bool:
        """Whether there is nothing to copy."""
        if here.deleted and not run.deleted:
            # Deleted at the gateway, or with its experiment: that stays so.
            return here.tags.get(TAG) is not None
        if here.tags.get(TAG) != state:
            return False
        if run.deleted and not here.deleted:
            self.gateway.delete(id)
        return True

    def _describe(self, id: str, run: Run, name: str) -> None:
        """Params, tags and inputs."""
        tags = {key: value for key, value in run.tags.items() if key not in NOT_COPIED}
        if NESTED in tags:
            tags[NESTED] = id_of(tags[NESTED])
        for problem in self.gateway.describe(id, run.params, tags):
            self.copied.add(f"{name}: {problem}")
        with noting(self.copied, f"{name}: its inputs"):
            self.gateway.inputs(id, run.inputs)

    def _log(self, id: str, run: Run, name: str, state: str, tag: str | None) -> None:
        """Values, from the place on that `tag` says."""
        reached = reached_of(tag, state)
        wrong = self.copied.wrong

        def mark(metric: str, count: int) -> dict[str, str]:
            """Tags of the next values; behind a problem none, so that it is met again."""
            if self.copied.wrong > wrong:
                return {}
            return {TAG: text_of(state, Reached(metric, count), again=is_again(tag))}

        for metric in sorted(run.metrics):
            if reached is not None and metric < reached.metric:
                continue
            begin = reached.values if reached is not None and metric == reached.metric else 0
            with noting(self.copied, f"{name}: metric {metric}"):
                points = self.source.points(run, metric)
                count, left_out = self.gateway.log(id, metric, points, begin, partial(mark, metric))
                self.copied.values += count
                if left_out:
                    self.copied.add(
                        f"{name}: metric {metric}: {left_out:,} values are left out, whose step or "
                        "time is out of range"
                    )

    def _files(
        self, experiment: str, id: str, run: Run, files: Sequence[File], there: dict[str, int]
    ) -> None:
        """The files, without those that are `there`."""
        for file in files:
            if file.size is not None and there.get(file.path) == file.size:
                continue
            with (
                noting(self.copied, f"run {run.name or run.id}: file {file.path}"),
                tempfile.TemporaryDirectory(prefix="trainyard-import-") as folder,
            ):
                content = self.source.fetch(run, file, Path(folder))
                self.copied.size_bytes += self.gateway.put(f"{experiment}/{id}", file.path, content)
                self.copied.files += 1


@contextmanager
def noting(copied: Copied, what: str) -> Iterator[None]:
    """Note what is refused or not read; the rest is copied."""
    try:
        yield
    except SourceAway:
        raise
    except (Refused, CannotRead) as error:
        copied.add(f"{what}: {error}")


def id_of(id: str) -> str:
    """The id of a run at the gateway: its own, if it is one of MLflow's. Pure."""
    return id if is_run_id(id) else hashlib.sha256(id.encode("utf-8", "replace")).hexdigest()[:32]


def state_of(run: Run, files: Sequence[File], *, with_files: bool) -> str:
    """A text that differs if the run has changed at the source. Pure."""
    facts = [run.name, run.status, run.end_time, run.deleted, run.params, run.tags]
    seen = [dict(run.metrics), run.inputs, sorted(files, key=lambda one: one.path), with_files]
    text = json.dumps([*facts, *seen], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
