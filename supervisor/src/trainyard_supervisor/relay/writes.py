"""What a program's calls write, as reports of its runs. Pure but for the ids of new runs.

`RunCalls` answers a call from the state of the runs; `keep` makes its report durable before.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any

from trainyard_api.mlflow import MAX_ENTITIES, MAX_METRICS, MAX_PARAMS, MAX_TAG_VALUE, MAX_TAGS
from trainyard_api.runs.lines import Report
from trainyard_supervisor.relay.protocol import answers, fields
from trainyard_supervisor.relay.protocol.answers import Answer
from trainyard_supervisor.relay.protocol.fields import Fields
from trainyard_supervisor.relay.protocol.refusal import Refusal
from trainyard_supervisor.relay.run_state import PARENT, RUN_NAME, RUNNING, Run, RunStates

STATES = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")
MOST_NAMES = 2000
"""Names of metrics of one run that the gateway takes."""
TOO_MANY_NAMES = (
    f"a run has at most {MOST_NAMES:,} names of metrics; the values of further names are left out"
)
MOST_INPUTS = 500
MOST_SAID = 20
"""Sentences about one program."""
HISTORY_TAG = "mlflow.log-model.history"
Say = Callable[[str], None]
Keep = Callable[[Report], None]


class RunCalls:
    """The calls that write to runs of this session; one at a time."""

    def __init__(self, states: RunStates, keep: Keep, say: Say, *, first: bool) -> None:
        """`first` tells that this is worker 0, whose first run is the session's."""
        self._states, self._keep, self._say = states, keep, say
        self._first = first
        self.begun = False
        """Whether the program has begun its own run in this attempt."""
        self._said: set[str] = set()

    def create(self, given: Fields) -> Answer:
        """`runs/create`: the first one without a parent is the session's run."""
        tags = dict(fields.tag(t) for t in fields.objects(given, "tags", MAX_ENTITIES))
        name = fields.text(given, "run_name", "") or tags.get(RUN_NAME, "")
        own = self._states.own
        if not self.begun and PARENT not in tags:
            self._begin(given, name, tags)
            return {"run": answers.run(own)}
        tags.setdefault(PARENT, own.id)
        new = os.urandom(16).hex()
        experiment = self._states.experiments.get(str(given.get("experiment_id")), own.experiment)
        created = {
            "experiment": experiment,
            "name": name or f"run-{new[:8]}",
            "user": fields.text(given, "user_id", "", most=256),
            "startTime": fields.millis(given, "start_time", now()),
        }
        self._keep({"run": new, "created": created, "status": RUNNING, "tags": tags})
        return {"run": answers.run(self._known(new))}

    def update(self, given: Fields) -> Answer:
        """`runs/update`: the status is answered; that of a session is the operator's."""
        run = self._own(given)
        report: Report = {"run": run.id}
        if given.get("status") is not None:
            status = fields.text(given, "status")
            if status not in STATES:
                raise Refusal(f"status is '{status[:60]}'; known are {', '.join(STATES)}")
            report["status"] = status
            if status not in STATES[:2]:
                report["endTime"] = fields.millis(given, "end_time", now())
        if given.get("run_name"):
            report["name"] = fields.text(given, "run_name")
            report["tags"] = {RUN_NAME: report["name"]}
        if run is self._states.own and report.get("status") == RUNNING:
            self._begin({}, report.get("name", ""), {})
        if len(report) > 1:
            self._keep(report)
        return {"run_info": answers.info(run)}

    def log_metric(self, given: Fields) -> Answer:
        """`runs/log-metric`."""
        return self._values(self._own(given), [given], {}, {})

    def log_parameter(self, given: Fields) -> Answer:
        """`runs/log-parameter`."""
        return self._values(self._own(given), [], dict([fields.param(given)]), {})

    def set_tag(self, given: Fields) -> Answer:
        """`runs/set-tag`."""
        return self._values(self._own(given), [], {}, dict([fields.tag(given)]))

    def delete_tag(self, given: Fields) -> Answer:
        """`runs/delete-tag`."""
        run, key = self._own(given), fields.key(given)
        if key not in run.tags:
            raise Refusal(
                f"No tag with name: {key} in run with id {run.id}", "RESOURCE_DOES_NOT_EXIST"
            )
        self._keep({"run": run.id, "removedTags": [key]})
        return {}

    def log_batch(self, given: Fields) -> Answer:
        """`runs/log-batch`: all of it or nothing."""
        run = self._own(given)
        values = fields.objects(given, "metrics", MAX_METRICS)
        listed = [fields.param(p) for p in fields.objects(given, "params", MAX_PARAMS)]
        tags = dict(fields.tag(t) for t in fields.objects(given, "tags", MAX_TAGS))
        if (total := len(values) + len(listed) + len(tags)) > MAX_ENTITIES:
            raise Refusal(
                f"A batch logging request can contain at most {MAX_ENTITIES} metrics, params and "
                f"tags in total. Got {total}."
            )
        params: dict[str, str] = {}
        for key, value in listed:
            if params.setdefault(key, value) != value:
                raise Refusal(f"Duplicate parameter keys have been submitted: ['{key}']")
        return self._values(run, values, params, tags)

    def log_inputs(self, given: Fields) -> Answer:
        """`runs/log-inputs`: datasets."""
        run = self._own(given)
        found = [_input(one) for one in fields.objects(given, "datasets", MOST_INPUTS)]
        if found:
            self._keep({"run": run.id, "inputs": found})
        return {}

    def log_outputs(self, given: Fields) -> Answer:
        """`runs/outputs`: logged models."""
        run = self._own(given)
        found = [
            {"modelId": fields.text(one, "model_id"), "step": fields.whole(one, "step", 0)}
            for one in fields.objects(given, "models", MOST_INPUTS)
        ]
        if found:
            self._keep({"run": run.id, "outputs": found})
        return {}

    def log_model(self, given: Fields) -> Answer:
        """`runs/log-model` of clients before 3: a tag with the descriptions of models."""
        run = self._own(given)
        try:
            described = json.loads(fields.text(given, "model_json", most=1 << 20))
            history = [*json.loads(run.tags.get(HISTORY_TAG, "[]")), described]
        except (ValueError, TypeError, RecursionError) as error:
            raise Refusal(f"model_json is no description of a model ({error})") from error
        while len(history) > 1 and len(json.dumps(history)) > MAX_TAG_VALUE:
            del history[0]
        kept = fields.tag({"key": HISTORY_TAG, "value": json.dumps(history)})
        self._keep({"run": run.id, "tags": dict([kept])})
        return {}

    def delete(self, given: Fields, *, deleted: bool = True) -> Answer:
        """`runs/delete`; the session's run goes with its session."""
        run = self._own(given)
        if run is self._states.own:
            raise Refusal("the run of a session is deleted with its session: use trainyard delete")
        self._keep({"run": run.id, "deleted": deleted})
        return {}

    def restore(self, given: Fields) -> Answer:
        """`runs/restore`."""
        return self.delete(given, deleted=False)

    def name_experiment(self, name: str) -> Answer:
        """An experiment by its name; one that is named before the run begins is the run's."""
        own = self._states.own
        identity = self._states.name_experiment(name)
        if not self.begun and own.experiment != name:
            self._keep({"run": own.id, "experiment": name})
        return answers.experiment(identity, name)

    # ── what they share ───────────────────────────────────────────────────────────────────

    def _own(self, given: Fields) -> Run:
        return self._known(fields.run_id(given))

    def _known(self, run_id: str) -> Run:
        run = self._states.find(run_id)
        if run is None:
            raise Refusal(f"Run with id={run_id[:64]} not found", "RESOURCE_DOES_NOT_EXIST")
        return run

    def _begin(self, given: Fields, name: str, tags: dict[str, str]) -> None:
        """The program begins its own run, or continues it."""
        own, self.begun = self._states.own, True
        report: Report = {"run": own.id, "status": RUNNING}
        if not self._first:
            report["created"] = {**own.created(), "startTime": own.start_time or now()}
            tags = {PARENT: own.tags[PARENT], **tags}
        if name:
            report["name"] = name
        if tags:
            report["tags"] = tags
        identity = given.get("experiment_id")
        if (experiment := self._states.experiments.get(str(identity))) is not None:
            report["experiment"] = experiment
        self._keep(report)

    def _values(
        self, run: Run, values: list[Fields], params: dict[str, str], tags: dict[str, str]
    ) -> Answer:
        points = [fields.point(each) for each in values]
        of_models = [found for each in values if (found := fields.model_value(each)) is not None]
        if run is self._states.own and not self.begun and not self._first:
            self._begin({}, "", {})
        report: Report = {"run": run.id}
        if new := self._new_points(run, points):
            report["metrics"] = new
        if of_models:
            report["modelValues"] = of_models
        if changed := self._new_params(run, params):
            report["params"] = changed
        if tags:
            report["tags"] = tags
            if tags.get(RUN_NAME):
                report["name"] = tags[RUN_NAME]
        if len(report) > 1:
            self._keep(report)
        return {}

    def _new_points(self, run: Run, points: list[Any]) -> list[Any]:
        """Without those that a client sends again, and names beyond what the gateway takes."""
        found = []
        names = set(run.metrics)
        for point in points:
            if run.metrics.get(point["key"]) == point:
                continue
            names.add(point["key"])
            if point["key"] not in run.metrics and len(names) > MOST_NAMES:
                names.discard(point["key"])
                self._say_once(TOO_MANY_NAMES)
                continue
            found.append(point)
        return found

    def _new_params(self, run: Run, params: dict[str, str]) -> dict[str, str]:
        """Those that are not known. Raises Refusal for one that changed within the attempt."""
        for key, value in params.items():
            if (given := run.given_params.get(key, value)) != value:
                raise Refusal(
                    "Changing param values is not allowed. Params were already logged="
                    f"'[{{'key': '{key}', 'old value': '{given[:200]}', "
                    f"'new value': '{value[:200]}'}}]' for run ID='{run.id}'."
                )
        run.given_params |= params
        for key, value in params.items():
            if (first := run.params.get(key, value)) != value:
                self._say_once(
                    f"the param '{key}' was '{first[:100]}' in an earlier attempt and is"
                    f" '{value[:100]}' now; the first value stays"
                )
        return {k: v for k, v in params.items() if k not in run.params}

    def _say_once(self, sentence: str) -> None:
        if len(self._said) < MOST_SAID and sentence not in self._said:
            self._said.add(sentence)
            self._say(sentence)


def now() -> int:
    """Milliseconds since the epoch."""
    return int(time.time() * 1000)


def _input(given: Fields) -> dict[str, Any]:
    dataset = given.get("dataset")
    if not isinstance(dataset, dict):
        raise Refusal("Missing value for required parameter 'dataset'")
    bounds = {"name": 500, "digest": 36, "source_type": 255, "source": 65_535}
    bounds |= {"schema": 1_048_575, "profile": 1_048_575}
    found = {
        ("sourceType" if name == "source_type" else name): fields.text(dataset, name, "", most)
        for name, most in bounds.items()
        if dataset.get(name)
    }
    if "name" not in found or "digest" not in found:
        raise Refusal("a dataset needs a name and a digest")
    tags = dict(fields.tag(one) for one in fields.objects(given, "tags", MAX_TAGS))
    return {"dataset": found, "tags": tags} if tags else {"dataset": found}
