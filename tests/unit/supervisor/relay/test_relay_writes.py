"""What calls of MLflow's clients write, by the state of the runs, and what is refused."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from trainyard_api.mlflow import MAX_TAG_VALUE, experiment_id_of
from trainyard_api.runs.lines import Report
from trainyard_supervisor.relay import writes
from trainyard_supervisor.relay.protocol.refusal import Refusal
from trainyard_supervisor.relay.run_state import PARENT, RUN_NAME, Run, RunStates
from trainyard_supervisor.relay.writes import HISTORY_TAG, MOST_NAMES, RunCalls

OWN = "0" * 32
OTHER = "f" * 32
LOSS = {"key": "loss", "value": 0.5, "timestamp": 1, "step": 2}


@dataclass
class Session:
    """The calls of one worker, with all that they wrote and said."""

    first: bool = True
    attempt: int = 2
    earlier: tuple[Report, ...] = ()
    """Reports of the attempt before."""
    kept: list[Report] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        own = Run(OWN, start_time=5, name="mine", user="trainyard")
        if not self.first:
            own.tags = {PARENT: OTHER}
        self.states = RunStates(own, self.attempt)
        for report in self.earlier:
            self.states.apply(report, self.attempt - 1)
        self.calls = RunCalls(self.states, self.keep, self.said.append, first=self.first)

    def keep(self, report: Report) -> None:
        """As the relay does."""
        self.kept.append(report)
        self.states.apply(report, self.attempt)

    def call(self, operation: str, **given: Any) -> Any:
        """The answer to a call about the session's run."""
        return getattr(self.calls, operation)({"run_id": OWN, **given})


@pytest.mark.parametrize(
    ("operation", "given", "wanted"),
    [
        pytest.param("log_metric", LOSS, {"metrics": [LOSS]}, id="a value"),
        pytest.param(
            "log_metric",
            {**LOSS, "value": "NaN"},
            {"metrics": [{**LOSS, "value": "NaN"}]},
            id="no number",
        ),
        pytest.param(
            "log_parameter", {"key": "lr", "value": "1"}, {"params": {"lr": "1"}}, id="a param"
        ),
        pytest.param("log_parameter", {"key": "lr"}, {"params": {"lr": ""}}, id="an empty param"),
        pytest.param("set_tag", {"key": "a", "value": "b"}, {"tags": {"a": "b"}}, id="a tag"),
        pytest.param(
            "set_tag",
            {"key": RUN_NAME, "value": "n"},
            {"tags": {RUN_NAME: "n"}, "name": "n"},
            id="the name as a tag",
        ),
        pytest.param("log_batch", {}, None, id="an empty batch"),
        pytest.param(
            "log_batch", {"metrics": [], "params": [], "tags": []}, None, id="empty lists"
        ),
        pytest.param(
            "log_batch",
            {
                "metrics": [LOSS],
                "params": [{"key": "a", "value": "1"}],
                "tags": [{"key": "t", "value": "u"}],
            },
            {"metrics": [LOSS], "params": {"a": "1"}, "tags": {"t": "u"}},
            id="a batch of each",
        ),
        pytest.param(
            "log_batch",
            {"params": [{"key": "a", "value": "1"}] * 2},
            {"params": {"a": "1"}},
            id="a param twice",
        ),
        pytest.param(
            "update",
            {"status": "FINISHED", "end_time": 9},
            {"status": "FINISHED", "endTime": 9},
            id="an end",
        ),
        pytest.param(
            "update", {"status": "SCHEDULED"}, {"status": "SCHEDULED"}, id="waiting has no end"
        ),
        pytest.param(
            "update", {"run_name": "n"}, {"name": "n", "tags": {RUN_NAME: "n"}}, id="a name"
        ),
        pytest.param("update", {"run_name": ""}, None, id="an empty name"),
        pytest.param("update", {}, None, id="no change"),
        pytest.param("log_inputs", {}, None, id="no inputs"),
        pytest.param(
            "log_inputs",
            {
                "datasets": [
                    {
                        "dataset": {
                            "name": "d",
                            "digest": "x",
                            "source_type": "local",
                            "source": "{}",
                        }
                    }
                ]
            },
            {
                "inputs": [
                    {"dataset": {"name": "d", "digest": "x", "sourceType": "local", "source": "{}"}}
                ]
            },
            id="a dataset",
        ),
        pytest.param(
            "log_inputs",
            {
                "datasets": [
                    {
                        "dataset": {"name": "d", "digest": "x"},
                        "tags": [{"key": "mlflow.data.context", "value": "train"}],
                    }
                ]
            },
            {
                "inputs": [
                    {
                        "dataset": {"name": "d", "digest": "x"},
                        "tags": {"mlflow.data.context": "train"},
                    }
                ]
            },
            id="a dataset with a tag",
        ),
        pytest.param(
            "log_outputs",
            {"models": [{"model_id": "m-1"}]},
            {"outputs": [{"modelId": "m-1", "step": 0}]},
            id="a logged model",
        ),
        pytest.param("log_outputs", {"models": []}, None, id="no logged model"),
        pytest.param(
            "log_model",
            {"model_json": '{"a": 1}'},
            {"tags": {HISTORY_TAG: '[{"a": 1}]'}},
            id="a description of a model",
        ),
    ],
)
def test_what_a_call_writes(operation: str, given: Any, wanted: Report | None) -> None:
    session = Session()

    session.call(operation, **given)

    assert session.kept == ([] if wanted is None else [{"run": OWN, **wanted}])


@pytest.mark.parametrize(
    ("operation", "given", "words"),
    [
        pytest.param(
            "log_metric",
            {"run_id": OTHER, **LOSS},
            f"Run with id={OTHER} not found",
            id="another run",
        ),
        pytest.param(
            "log_metric",
            {"run_id": "", **LOSS},
            "Missing value for required parameter 'run_uuid'",
            id="no run",
        ),
        pytest.param(
            "update",
            {"status": "DONE"},
            "status is 'DONE'; known are RUNNING",
            id="a status of its own",
        ),
        pytest.param(
            "update",
            {"status": "FAILED", "end_time": "now"},
            "end_time is 'now'",
            id="a time in words",
        ),
        pytest.param(
            "delete_tag", {"key": "a"}, "No tag with name: a in run", id="a tag that is not there"
        ),
        pytest.param(
            "log_batch",
            {"metrics": [LOSS] * 1001},
            "at most 1000 metrics. Got 1001",
            id="too many values",
        ),
        pytest.param(
            "log_batch",
            {"params": [{"key": f"p{n}", "value": ""} for n in range(101)]},
            "at most 100 params. Got 101",
            id="too many params",
        ),
        pytest.param(
            "log_batch",
            {"metrics": [LOSS] * 1000, "tags": [{"key": "a", "value": "b"}]},
            "1000 metrics, params and tags in total. Got 1001",
            id="too many together",
        ),
        pytest.param(
            "log_batch",
            {"params": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]},
            r"Duplicate parameter keys have been submitted: \['a'\]",
            id="a param with two values",
        ),
        pytest.param(
            "log_batch",
            {"metrics": [LOSS], "tags": [{"key": "../a", "value": ""}]},
            "no part of it is empty",
            id="a name that climbs",
        ),
        pytest.param(
            "log_inputs", {"datasets": [{}]}, "required parameter 'dataset'", id="no dataset"
        ),
        pytest.param(
            "log_inputs",
            {"datasets": [{"dataset": {"name": "d"}}]},
            "a name and a digest",
            id="a dataset without digest",
        ),
        pytest.param(
            "log_inputs",
            {"datasets": [{"dataset": {"name": "d" * 501, "digest": "x"}}]},
            "name has 501 characters; 500",
            id="a long name",
        ),
        pytest.param(
            "log_outputs",
            {"models": [{}]},
            "required parameter 'model_id'",
            id="a logged model without id",
        ),
        pytest.param(
            "log_model",
            {"model_json": "{"},
            "model_json is no description",
            id="half a description",
        ),
        pytest.param(
            "delete", {}, "the run of a session is deleted with its session", id="the session's run"
        ),
    ],
)
def test_what_is_refused_writes_nothing(operation: str, given: Any, words: str) -> None:
    session = Session()

    with pytest.raises(Refusal, match=words):
        session.call(operation, **given)

    assert session.kept == []


@pytest.mark.parametrize(
    ("before", "point", "again"),
    [
        pytest.param([LOSS], LOSS, True, id="the same value"),
        pytest.param([LOSS], {**LOSS, "value": 0.25}, False, id="another value"),
        pytest.param([LOSS], {**LOSS, "timestamp": 2}, False, id="another time"),
        pytest.param([LOSS], {**LOSS, "step": 3}, False, id="another step"),
        pytest.param([LOSS], {**LOSS, "key": "acc"}, False, id="another metric"),
        pytest.param(
            [{**LOSS, "value": "NaN"}], {**LOSS, "value": "NaN"}, True, id="no number again"
        ),
        # The gateway compares with all values: these are sent twice and count once.
        pytest.param([LOSS, {**LOSS, "step": 3}], LOSS, False, id="an older value"),
    ],
)
def test_values_that_come_again(before: list[Any], point: Any, again: bool) -> None:
    session = Session()
    for each in before:
        session.call("log_metric", **each)

    session.call("log_metric", **point)

    assert len(session.kept) == len(before) + (not again)


def test_names_of_metrics_beyond_the_bound_are_left_out_and_said_once() -> None:
    session = Session()
    named = [{**LOSS, "key": f"m{n}"} for n in range(MOST_NAMES + 500)]
    for start in range(0, len(named), 500):
        session.call("log_batch", metrics=named[start : start + 500])
    session.call("log_metric", **{**LOSS, "key": "m0", "step": 9})

    written = [point["key"] for report in session.kept for point in report["metrics"]]
    assert written == [*(f"m{n}" for n in range(MOST_NAMES)), "m0"]
    assert session.said == [writes.TOO_MANY_NAMES]


@pytest.mark.parametrize(
    ("earlier", "given", "wanted", "said"),
    [
        pytest.param({}, [("a", "1")], {"a": "1"}, 0, id="a new one"),
        pytest.param({}, [("a", "1"), ("a", "1")], {"a": "1"}, 0, id="the same again"),
        pytest.param({}, [("a", "1"), ("a", "2")], None, 0, id="changed in this attempt"),
        pytest.param({"a": "1"}, [("a", "1")], {"a": "1"}, 0, id="as in the attempt before"),
        pytest.param(
            {"a": "1"}, [("a", "2")], {"a": "1"}, 1, id="other than in the attempt before"
        ),
        pytest.param({"a": "1"}, [("a", "2"), ("a", "2")], {"a": "1"}, 1, id="and the same again"),
        pytest.param({"a": "1"}, [("a", "2"), ("a", "3")], None, 0, id="and changed then"),
        pytest.param({"a": "1"}, [("a", "2"), ("a", "1")], None, 0, id="and changed back"),
        pytest.param({"a": "1"}, [("a", "1"), ("a", "2")], None, 0, id="the same, then changed"),
        pytest.param({"a": "1"}, [("b", "2")], {"a": "1", "b": "2"}, 0, id="another one"),
    ],
)
def test_params_that_change(
    earlier: dict[str, str], given: list[tuple[str, str]], wanted: dict[str, str] | None, said: int
) -> None:
    session = Session(earlier=({"run": OWN, "params": earlier},))
    *before, (key, value) = given
    for each, text in before:
        session.call("log_parameter", key=each, value=text)
    if wanted is None:
        with pytest.raises(Refusal, match="Changing param values is not allowed"):
            session.call("log_parameter", key=key, value=value)
        return
    session.call("log_parameter", key=key, value=value)

    assert session.states.own.params == wanted
    assert len(session.said) == said


MOVED = experiment_id_of("mine too")


@pytest.mark.parametrize(
    ("first", "given", "wanted"),
    [
        pytest.param(True, {}, {}, id="nothing said"),
        pytest.param(True, {"run_name": "n"}, {"name": "n"}, id="a name"),
        pytest.param(
            True,
            {"tags": [{"key": RUN_NAME, "value": "n"}]},
            {"name": "n", "tags": {RUN_NAME: "n"}},
            id="a name as a tag",
        ),
        pytest.param(
            True,
            {"experiment_id": MOVED},
            {"experiment": "mine too"},
            id="an experiment that was named",
        ),
        pytest.param(True, {"experiment_id": "77"}, {}, id="an experiment of others"),
        pytest.param(
            False,
            {},
            {
                "tags": {PARENT: OTHER},
                "created": {
                    "experiment": "Default",
                    "name": "mine",
                    "user": "trainyard",
                    "startTime": 5,
                },
            },
            id="another worker has a run below the session's",
        ),
    ],
)
def test_the_first_run_of_a_program_is_the_sessions(
    first: bool, given: Any, wanted: Report
) -> None:
    session = Session(first=first)
    session.states.name_experiment("mine too")

    answer = session.calls.create(given)

    assert answer["run"]["info"]["run_id"] == OWN
    assert session.kept == [{"run": OWN, "status": "RUNNING", **wanted}]


@pytest.mark.parametrize(
    ("begun", "tags", "parent"),
    [
        pytest.param(True, {}, OWN, id="the second run"),
        pytest.param(True, {PARENT: OTHER}, OTHER, id="a run below another one"),
        pytest.param(False, {PARENT: OWN}, OWN, id="a run with a parent, before any other"),
    ],
)
def test_further_runs_lie_below_the_sessions(
    begun: bool, tags: dict[str, str], parent: str
) -> None:
    session = Session()
    if begun:
        session.calls.create({})
    given = [{"key": key, "value": value} for key, value in tags.items()]

    made = session.calls.create({"tags": given, "start_time": 7, "user_id": "ada"})

    info = made["run"]["info"]
    assert info["run_id"] != OWN
    assert session.kept[-1] == {
        "run": info["run_id"],
        "created": {
            "experiment": "Default",
            "name": f"run-{info['run_id'][:8]}",
            "user": "ada",
            "startTime": 7,
        },
        "status": "RUNNING",
        "tags": {PARENT: parent},
    }


@pytest.mark.parametrize(
    ("begun", "name", "moved"),
    [
        pytest.param(False, "mine too", True, id="named before the run begins"),
        pytest.param(False, "Default", False, id="the one that it has"),
        pytest.param(True, "mine too", False, id="named after the run began"),
    ],
)
def test_an_experiment_that_a_program_names(begun: bool, name: str, moved: bool) -> None:
    session = Session()
    if begun:
        session.calls.create({})
        session.kept.clear()

    answer = session.calls.name_experiment(name)

    assert (answer["experiment_id"], answer["name"]) == (experiment_id_of(name), name)
    assert session.kept == ([{"run": OWN, "experiment": name}] if moved else [])


def test_a_value_before_the_run_of_another_worker_begins_makes_its_run() -> None:
    session = Session(first=False)
    session.call("log_metric", **LOSS)
    session.call("log_metric", **{**LOSS, "step": 3})

    assert [sorted(report) for report in session.kept] == [
        ["created", "run", "status", "tags"],
        ["metrics", "run"],
        ["metrics", "run"],
    ]


def test_the_descriptions_of_models_keep_within_a_tag() -> None:
    session = Session()
    for number in range(40):
        described = {"number": number, "text": "x" * 400}
        session.call("log_model", model_json=json.dumps(described))

    kept = session.states.own.tags[HISTORY_TAG]
    assert len(kept) <= MAX_TAG_VALUE
    assert json.loads(kept)[-1]["number"] == 39


def test_a_tag_that_is_deleted_is_gone_and_a_nested_run_is_deleted_and_restored() -> None:
    session = Session()
    session.call("set_tag", key="a", value="b")
    session.call("delete_tag", key="a")
    session.calls.create({})
    child = session.calls.create({})["run"]["info"]["run_id"]
    session.calls.delete({"run_id": child})
    deleted = session.states.find(child)
    assert deleted is not None
    gone = deleted.deleted
    session.calls.restore({"run_id": child})

    assert session.states.own.tags == {}
    assert (gone, deleted.deleted) == (True, False)
