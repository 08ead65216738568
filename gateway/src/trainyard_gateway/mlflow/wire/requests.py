"""MLflow's requests about runs and experiments, bounded and typed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from trainyard_api import mlflow
from trainyard_api.mlflow.run_report import RunStatus
from trainyard_gateway.mlflow.wire.fields import (
    ExperimentName,
    ExperimentTag,
    Filter,
    Id,
    Key,
    Metric,
    Millis,
    OfModel,
    Param,
    ParamValue,
    Request,
    Step,
    Tag,
    TagValue,
    Text,
    Token,
    Value,
    without_booleans,
)

ViewType = Literal["ACTIVE_ONLY", "DELETED_ONLY", "ALL"]
LIFECYCLES = {
    "ACTIVE_ONLY": ("active",),
    "DELETED_ONLY": ("deleted",),
    "ALL": ("active", "deleted"),
}
MAX_RESULTS = 50_000


class CreateExperiment(Request):
    """POST experiments/create."""

    name: ExperimentName
    tags: list[ExperimentTag] = Field(default=[], max_length=100)
    artifact_location: str = Field(default="", max_length=4096)


class ExperimentById(Request):
    """An experiment by its id."""

    experiment_id: Id


class ExperimentByName(Request):
    """GET experiments/get-by-name."""

    experiment_name: ExperimentName


class UpdateExperiment(ExperimentById):
    """POST experiments/update."""

    new_name: ExperimentName | None = None


class SetExperimentTag(ExperimentById):
    """POST experiments/set-experiment-tag."""

    key: Key
    value: str = Field(default="", max_length=20_000)


class DeleteExperimentTag(ExperimentById):
    """POST experiments/delete-experiment-tag."""

    key: Key


class SearchExperiments(Request):
    """POST experiments/search."""

    max_results: int = Field(default=1000, ge=1, le=MAX_RESULTS)
    page_token: Token | None = None
    filter: Filter = ""
    order_by: list[Filter] = Field(default=[], max_length=100)
    view_type: ViewType = "ACTIVE_ONLY"


class OfRun(Request):
    """A request about one run; older clients call it run_uuid, most send both."""

    run_id: Id = ""
    run_uuid: Id = ""

    @model_validator(mode="before")
    @classmethod
    def _either(cls, given: Any) -> Any:
        if isinstance(given, dict):
            id = given.get("run_id") or given.get("run_uuid")
            if not id:
                raise ValueError("Missing value for required parameter 'run_id'")
            return {**given, "run_id": id}
        return given


class CreateRun(Request):
    """POST runs/create; `run_id` is this gateway's own: a run that is there is answered."""

    experiment_id: Id = mlflow.DEFAULT_EXPERIMENT_ID
    user_id: Annotated[str, Field(max_length=256)] = ""
    run_name: Text = ""
    start_time: Millis = 0
    tags: list[Tag] = Field(default=[], max_length=1000)
    run_id: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}$")


class UpdateRun(OfRun):
    """POST runs/update."""

    status: RunStatus | None = None
    end_time: Millis | None = None
    run_name: Text | None = None


class LogMetric(OfRun, OfModel):
    """POST runs/log-metric."""

    key: Key
    value: Value
    timestamp: Millis
    step: Step = 0


class LogParam(OfRun):
    """POST runs/log-parameter."""

    key: Key
    value: ParamValue = ""


class SetTag(OfRun):
    """POST runs/set-tag."""

    key: Key
    value: TagValue = ""


class DeleteTag(OfRun):
    """POST runs/delete-tag."""

    key: Key


class LogBatch(OfRun):
    """POST runs/log-batch."""

    metrics: list[Metric] = Field(default=[], max_length=mlflow.MAX_METRICS, fail_fast=True)
    params: list[Param] = Field(default=[], max_length=mlflow.MAX_PARAMS, fail_fast=True)
    tags: list[Tag] = Field(default=[], max_length=mlflow.MAX_TAGS, fail_fast=True)

    @field_validator("metrics", mode="before")
    @classmethod
    def _numbers(cls, given: Any) -> Any:
        return without_booleans(given)

    @field_validator("params")
    @classmethod
    def _once(cls, params: list[Param]) -> list[Param]:
        keys = [param.key for param in params]
        if len(set(keys)) < len(keys):
            twice = sorted({key for key in keys if keys.count(key) > 1})
            raise ValueError(f"Duplicate parameter keys have been submitted: {twice[:20]}")
        return params

    @model_validator(mode="after")
    def _bounded(self) -> LogBatch:
        total = len(self.metrics) + len(self.params) + len(self.tags)
        if total > mlflow.MAX_ENTITIES:
            raise ValueError(
                f"A batch logging request can contain at most {mlflow.MAX_ENTITIES} metrics, "
                f"params and tags together. Got {total}"
            )
        return self


class Dataset(Request):
    """A dataset of `runs/log-inputs`."""

    name: str = Field(min_length=1, max_length=500)
    digest: str = Field(min_length=1, max_length=36)
    source_type: str = Field(default="", max_length=255)
    source: str = Field(default="", max_length=65_535)
    schema_: str = Field(default="", max_length=1_048_575, alias="schema")
    profile: str = Field(default="", max_length=1_048_575)


class InputTag(Request):
    """A tag of a dataset's use."""

    key: str = Field(min_length=1, max_length=255)
    value: str = Field(default="", max_length=500)


class DatasetInput(Request):
    """A dataset with the tags of its use."""

    tags: list[InputTag] = Field(default=[], max_length=100)
    dataset: Dataset


class ModelUse(Request):
    """A logged model that a run used or made."""

    model_id: str = Field(pattern=r"^m-[0-9a-f]{32}$")
    step: Step = 0


class LogInputs(OfRun):
    """POST runs/log-inputs."""

    datasets: list[DatasetInput] = Field(default=[], max_length=1000)
    models: list[ModelUse] = Field(default=[], max_length=1000)


class LogOutputs(OfRun):
    """POST runs/outputs."""

    models: list[ModelUse] = Field(default=[], max_length=1000)


class SearchRuns(Request):
    """POST runs/search."""

    experiment_ids: list[Id] = Field(default=[], max_length=10_000)
    filter: Filter = ""
    run_view_type: ViewType = "ACTIVE_ONLY"
    max_results: int = Field(default=1000, ge=1, le=MAX_RESULTS)
    order_by: list[Filter] = Field(default=[], max_length=100)
    page_token: Token | None = None


class GetHistory(OfRun):
    """GET metrics/get-history."""

    metric_key: Annotated[str, Field(min_length=1, max_length=mlflow.MAX_KEY)]
    page_token: Token | None = None
    max_results: int = Field(default=25_000, ge=1, le=25_000)


class GetBulk(Request):
    """GET metrics/get-history-bulk."""

    run_id: list[Id] = Field(min_length=1, max_length=100)
    metric_key: Annotated[str, Field(min_length=1, max_length=mlflow.MAX_KEY)]
    max_results: int = Field(default=25_000, ge=1, le=25_000)


class GetInterval(Request):
    """GET metrics/get-history-bulk-interval."""

    run_ids: list[Id] = Field(min_length=1, max_length=100)
    metric_key: Annotated[str, Field(min_length=1, max_length=mlflow.MAX_KEY)]
    start_step: int = Field(default=0, ge=0, le=2**53)
    end_step: int | None = Field(default=None, ge=0, le=2**53)
    max_results: int = Field(default=320, ge=1, le=2_500)
    """Of each run."""


class ListArtifacts(OfRun):
    """GET artifacts/list."""

    path: str = Field(default="", max_length=4096)
