"""MLflow's requests about logged models, bounded and typed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from trainyard_gateway.mlflow.wire.fields import ExperimentTag, Filter, Id, Param, Request, Token
from trainyard_gateway.store.runs.model_values import Dataset

Status = Literal[
    "LOGGED_MODEL_UNSPECIFIED",
    "LOGGED_MODEL_PENDING",
    "LOGGED_MODEL_READY",
    "LOGGED_MODEL_UPLOAD_FAILED",
]
MOST_RESULTS = 10_000
"""Of one page."""


class OfDataset(Request):
    """A dataset that values were measured with."""

    dataset_name: Annotated[str, Field(min_length=1, max_length=500)]
    dataset_digest: Annotated[str, Field(max_length=36)] = ""

    @property
    def dataset(self) -> Dataset:
        """The same as the store knows it."""
        return Dataset(self.dataset_name, self.dataset_digest)


class CreateLoggedModel(Request):
    """POST logged-models."""

    experiment_id: Id
    name: Annotated[str, Field(max_length=500)] = ""
    model_type: Annotated[str, Field(max_length=500)] = ""
    source_run_id: Id = ""
    params: list[Param] = Field(default=[], max_length=1000)
    tags: list[ExperimentTag] = Field(default=[], max_length=100)


class FinalizeLoggedModel(Request):
    """PATCH logged-models/{id}."""

    status: Status


class LogModelParams(Request):
    """POST logged-models/{id}/params."""

    params: list[Param] = Field(default=[], max_length=1000)


class SetModelTags(Request):
    """PATCH logged-models/{id}/tags."""

    tags: list[ExperimentTag] = Field(default=[], max_length=100)


class OrderBy(Request):
    """One key of an order of logged models."""

    field_name: Filter
    ascending: bool = True
    dataset_name: Annotated[str, Field(max_length=500)] = ""
    """Of a metric: only values that were measured with this dataset count."""
    dataset_digest: Annotated[str, Field(max_length=36)] = ""


class SearchLoggedModels(Request):
    """POST logged-models/search."""

    experiment_ids: list[Id] = Field(default=[], max_length=10_000)
    filter: Filter = ""
    datasets: list[OfDataset] = Field(default=[], max_length=100)
    max_results: int = Field(default=50, ge=1, le=MOST_RESULTS)
    order_by: list[OrderBy] = Field(default=[], max_length=100)
    page_token: Token | None = None
