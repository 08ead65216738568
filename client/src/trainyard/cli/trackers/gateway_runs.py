"""The gateway's side of an import: MLflow's protocol below `/mlflow`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from trainyard.cli.trackers.gateway_protocol import GatewayProtocol, Refused
from trainyard.cli.trackers.limits import is_taken, named
from trainyard.cli.trackers.source import CannotRead, Experiment, Point, Run
from trainyard_api.mlflow import (
    MAX_ENTITIES,
    MAX_PARAM_VALUE,
    MAX_PARAMS,
    MAX_TAG_VALUE,
    MAX_TAGS,
    key_fault,
)

PORTION = MAX_ENTITIES - 1
"""Values of a call, beside one tag."""
SESSION_TAG = "trainyard.session"
"""The gateway's own tag of the run of a session."""
T = TypeVar("T")


class Place(NamedTuple):
    """An experiment at the gateway."""

    id: str
    deleted: bool


@dataclass(frozen=True)
class Here:
    """A run at the gateway."""

    tags: dict[str, str] = field(default_factory=dict)
    deleted: bool = False
    experiment: str = ""

    @property
    def is_session(self) -> bool:
        """Whether it is the run of a session of this gateway."""
        return SESSION_TAG in self.tags


class GatewayRuns(GatewayProtocol):
    """Writes runs to a gateway. Methods raise Refused, and Unreachable after a while."""

    # ── experiments ───────────────────────────────────────────────────────────────────────

    def experiment(self, wanted: Experiment) -> Place:
        """The experiment of that name, which is made if it is not there."""
        query = {"experiment_name": wanted.name}
        found = self.call("GET", "experiments/get-by-name", query, missing_is_none=True)
        if found is None:
            made = self.call("POST", "experiments/create", {"name": wanted.name}) or {}
            return Place(str(made["experiment_id"]), deleted=False)
        one = found["experiment"]
        return Place(str(one["experiment_id"]), one.get("lifecycle_stage") == "deleted")

    def describe_experiment(self, id: str, tags: Mapping[str, str]) -> list[str]:
        """Set tags of an experiment; what is not set is returned, each as a sentence."""
        problems = []
        for key, value in tags.items():
            fields = {"experiment_id": id, "key": key, "value": value}
            try:
                self.call("POST", "experiments/set-experiment-tag", fields)
            except Refused as error:
                problems.append(f"tag {key}: {error}")
        return problems

    def delete_experiment(self, id: str) -> None:
        """Delete an experiment with its runs."""
        self.call("POST", "experiments/delete", {"experiment_id": id})

    def restore_experiment(self, id: str) -> None:
        """Bring an experiment and its runs back."""
        self.call("POST", "experiments/restore", {"experiment_id": id})

    # ── runs ──────────────────────────────────────────────────────────────────────────────

    def find(self, id: str) -> Here | None:
        """The run of that id, if there is one."""
        found = self.call("GET", "runs/get", {"run_id": id}, missing_is_none=True)
        return None if found is None else _here(found)

    def make(self, id: str, experiment: str, wanted: Run) -> None:
        """Make the run if it is not there."""
        fields = {
            "run_id": id,
            "experiment_id": experiment,
            "run_name": wanted.name,
            "user_id": wanted.user,
            "start_time": wanted.start_time,
        }
        self.call("POST", "runs/create", fields)

    def describe(self, id: str, params: Mapping[str, str], tags: Mapping[str, str]) -> list[str]:
        """Set params and tags; what is not set is returned, each as a sentence."""
        problems: list[str] = []
        good = dict(named(params, "param", MAX_PARAM_VALUE, problems, cut=False))
        for some in _portions(good.items(), MAX_PARAMS):
            problems += self._pairs(id, "params", some)
        good = dict(named(tags, "tag", MAX_TAG_VALUE, problems, cut=True))
        for some in _portions(good.items(), MAX_TAGS):
            problems += self._pairs(id, "tags", some)
        return problems

    def log(
        self,
        id: str,
        metric: str,
        points: Iterable[Point],
        begin: int = 0,
        mark: Callable[[int], Mapping[str, str]] = lambda _: {},
    ) -> tuple[int, int]:
        """Log the history of a metric: how many values were logged, and how many left out.

        The first `begin` values are here. `mark` gives a tag that says how many are here; it is set
        with the values after these, until one is left out. Values are left out whose step or
        time no gateway takes.
        """
        count = left_out = 0
        if (fault := key_fault(metric)) is not None:
            raise Refused(fault)
        for some in _portions(islice(points, begin, None), PORTION):
            good = [point for point in some if is_taken(point)]
            left_out += len(some) - len(good)
            if good:
                tags = {} if left_out else mark(begin)
                rows = [{"key": metric, **point._asdict()} for point in good]
                self._batch(
                    id, metrics=rows, tags=[{"key": key, "value": tags[key]} for key in tags]
                )
                count += len(good)
            begin += len(some)
        return count, left_out

    def inputs(self, id: str, datasets: Sequence[Mapping[str, Any]]) -> None:
        """Note the datasets that a run used."""
        if datasets:
            self.call("POST", "runs/log-inputs", {"run_id": id, "datasets": list(datasets)})

    def end(self, id: str, wanted: Run) -> None:
        """Set name, state and end of the run."""
        fields: dict[str, Any] = {"run_id": id, "status": wanted.status}
        if wanted.name:
            fields["run_name"] = wanted.name
        if wanted.end_time is not None:
            fields["end_time"] = wanted.end_time
        self.call("POST", "runs/update", fields)

    def delete(self, id: str) -> None:
        """Leave a run out of lists."""
        self.call("POST", "runs/delete", {"run_id": id})

    def restore(self, id: str) -> None:
        """Bring a run back."""
        self.call("POST", "runs/restore", {"run_id": id})

    # ── files ─────────────────────────────────────────────────────────────────────────────

    def files(self, id: str) -> dict[str, int]:
        """The size of each file that the run has."""
        found: dict[str, int] = {}
        waiting = [""]
        while waiting:
            path = waiting.pop()
            query = {"run_id": id, **({"path": path} if path else {})}
            for one in (self.call("GET", "artifacts/list", query) or {}).get("files") or ():
                if one.get("is_dir"):
                    waiting.append(str(one["path"]))
                else:
                    found[str(one["path"])] = int(one.get("file_size") or 0)
        return found

    def _pairs(self, id: str, kind: str, some: Sequence[tuple[str, str]]) -> list[str]:
        """Set some params or tags; where they are refused together, each alone."""
        try:
            self._batch(id, **{kind: [{"key": key, "value": value} for key, value in some]})
        except Refused as error:
            if len(some) == 1:
                return [f"{kind.removesuffix('s')} {some[0][0]}: {error}"]
            return [problem for one in some for problem in self._pairs(id, kind, [one])]
        return []

    def _batch(self, id: str, **fields: Any) -> None:
        self.call("POST", "runs/log-batch", {"run_id": id, **fields})


def _here(found: Mapping[str, Any]) -> Here:
    run = found["run"]
    tags = {str(tag["key"]): str(tag.get("value", "")) for tag in run["data"].get("tags") or ()}
    info = run["info"]
    deleted = info.get("lifecycle_stage") == "deleted"
    return Here(tags, deleted, str(info.get("experiment_id") or ""))


def _portions(items: Iterable[T], count: int) -> Iterator[Sequence[T]]:
    """Lists of `count` items; what comes before an error of the source is not lost."""
    some: list[T] = []
    try:
        for item in items:
            some.append(item)
            if len(some) == count:
                yield some
                some = []
    except CannotRead:
        if some:
            yield some
        raise
    if some:
        yield some
