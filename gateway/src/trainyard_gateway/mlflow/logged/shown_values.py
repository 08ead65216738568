"""Values of metrics of logged models, as answers show them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from trainyard_gateway.mlflow.wire import answers
from trainyard_gateway.mlflow.wire.answers import Json
from trainyard_gateway.store.runs.model_values import ModelValue


def shown(values: Sequence[ModelValue]) -> list[Json]:
    """Values as the protocol writes them."""
    return [_one(value) for value in values]


def _one(value: ModelValue) -> Json:
    found: Json = {
        "key": value.key,
        "value": answers.json_value(value.value),
        "timestamp": value.time,
        "step": value.step,
        "model_id": value.model_id,
        "run_id": value.run_id,
        "dataset_name": value.dataset_name,
        "dataset_digest": value.dataset_digest,
    }
    return {name: given for name, given in found.items() if given != ""}
