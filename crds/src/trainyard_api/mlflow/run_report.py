"""What the program of a session reports of its runs, in the words of MLflow's protocol.

A session is a run. Its program may make more of them, such as nested runs; those belong to the
session too.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from trainyard_api import mlflow
from trainyard_api.model import OpenModel

RunStatus = Literal["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]
RunNumber = float | Literal["NaN", "Infinity", "-Infinity"]
"""JSON has no NaN and no infinities, so they are sent as text."""
Millis = Annotated[int, Field(ge=0, le=253_402_214_400_000)]
"""Milliseconds since the epoch, up to the year 9999."""
RunStep = Annotated[int, Field(ge=-(2**53), le=2**53)]


def _checked_key(key: str) -> str:
    if (fault := mlflow.key_fault(key)) is not None:
        raise ValueError(fault)
    return key


RunKey = Annotated[str, Field(min_length=1), AfterValidator(_checked_key)]
"""Name of a metric, a param or a tag."""
RunId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
ExperimentName = Annotated[str, Field(min_length=1, max_length=mlflow.MAX_EXPERIMENT_NAME)]
ParamValue = Annotated[str, Field(max_length=mlflow.MAX_PARAM_VALUE)]
TagValue = Annotated[str, Field(max_length=mlflow.MAX_TAG_VALUE)]


class RunPoint(OpenModel):
    """One value of a metric."""

    key: RunKey
    """The metric."""
    value: RunNumber
    """Its value; NaN and infinities as text."""
    timestamp: Millis
    """When it was measured."""
    step: RunStep = 0
    """The step that it belongs to."""


class RunModelPoint(RunPoint):
    """One value of a metric of a logged model."""

    model_id: str = Field(pattern=r"^m-[0-9a-f]{32}$")
    """The logged model."""
    dataset_name: str = Field(default="", max_length=500)
    """Name of the dataset that it was measured with."""
    dataset_digest: str = Field(default="", max_length=36)
    """Fingerprint of that dataset."""


class RunCreated(OpenModel):
    """A run that the program made."""

    experiment: ExperimentName | None = None
    """Name of its experiment; that of the session's run by default."""
    name: str = Field(default="", max_length=mlflow.MAX_TAG_VALUE)
    """What people call it."""
    user: str = Field(default="", max_length=256)
    """Who made it, as the program says."""
    start_time: Millis = 0
    """When it began."""


class RunDataset(OpenModel):
    """A dataset that a run used, as its program describes it."""

    name: str = Field(max_length=500)
    """Its name."""
    digest: str = Field(max_length=36)
    """Its fingerprint."""
    source_type: str = Field(default="", max_length=255)
    """The kind of its source."""
    source: str = Field(default="", max_length=65_535)
    """Where it comes from."""
    schema_: str = Field(default="", max_length=1_048_575, alias="schema")
    """Its schema."""
    profile: str = Field(default="", max_length=1_048_575)
    """Figures about it."""


class RunInput(OpenModel):
    """A dataset with the tags of its use."""

    dataset: RunDataset
    """The dataset."""
    tags: dict[str, str] = Field(default={}, max_length=100)
    """Tags of its use, such as mlflow.data.context."""


class RunOutput(OpenModel):
    """A logged model that a run made."""

    model_id: str = Field(pattern=r"^m-[0-9a-f]{32}$")
    """The logged model."""
    step: RunStep = 0
    """The step at which it was made."""


class RunReport(OpenModel):
    """What is new of one run. Fields that are absent change nothing."""

    run: RunId
    """The run: the session's own, or another one of its program."""
    created: RunCreated | None = None
    """The program made this run; ignored for the session's own and for a run that is there."""
    experiment: ExperimentName | None = None
    """The run belongs to the experiment of this name from now on; it is made if it is absent."""
    name: str | None = Field(default=None, max_length=mlflow.MAX_TAG_VALUE)
    """What people call the run."""
    status: RunStatus | None = None
    """Its state; ignored for the session's own run, whose phase is the operator's."""
    end_time: Millis | None = None
    """When it ended; ignored for the session's own run."""
    deleted: bool | None = None
    """Whether lists leave the run out."""
    metrics: list[RunPoint] = Field(default=[], max_length=10_000, fail_fast=True)
    """Values of metrics; a value that is there already counts once."""
    params: dict[RunKey, ParamValue] = Field(default={}, max_length=1000)
    """Params; the first value of each stays."""
    tags: dict[RunKey, TagValue] = Field(default={}, max_length=1000)
    """Tags; the last value of each stays."""
    removed_tags: list[RunKey] = Field(default=[], max_length=1000)
    """Tags that are removed."""
    inputs: list[RunInput] = Field(default=[], max_length=1000)
    """Datasets that the run used."""
    outputs: list[RunOutput] = Field(default=[], max_length=1000)
    """Logged models that the run made."""
    model_values: list[RunModelPoint] = Field(default=[], max_length=10_000, fail_fast=True)
    """Values that the run measured of logged models; a value that is there already counts once."""
