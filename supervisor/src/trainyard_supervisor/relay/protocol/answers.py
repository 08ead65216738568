"""Answers in the form of MLflow's protocol. Pure."""

from __future__ import annotations

from typing import Any

from trainyard_supervisor.relay.run_state import ACTIVE, DELETED, RUN_NAME, Run

Answer = dict[str, Any]


def run(found: Run) -> Answer:
    """A run with all that is known of it."""
    named = {**found.tags, RUN_NAME: found.name} if found.name else found.tags
    answer: Answer = {
        "info": info(found),
        "data": {
            "metrics": list(found.metrics.values()),
            "params": pairs(found.params),
            "tags": pairs(named),
        },
        "inputs": {"dataset_inputs": [_input(one) for one in found.inputs]},
    }
    if found.outputs:
        models = [{"model_id": one["modelId"], "step": one["step"]} for one in found.outputs]
        answer["outputs"] = {"model_outputs": models}
    return answer


def info(found: Run) -> Answer:
    """Who, when and where."""
    answer: Answer = {
        "run_uuid": found.id,
        "run_id": found.id,
        "run_name": found.name,
        "experiment_id": found.experiment_id,
        "user_id": found.user,
        "status": found.status,
        "start_time": found.start_time,
        "artifact_uri": f"mlflow-artifacts:/{found.experiment_id}/{found.id}/artifacts",
        "lifecycle_stage": DELETED if found.deleted else ACTIVE,
    }
    return answer if found.end_time is None else {**answer, "end_time": found.end_time}


def experiment(identity: str, name: str) -> Answer:
    """An experiment; when it was made only the gateway knows."""
    return {
        "experiment_id": identity,
        "name": name,
        "artifact_location": f"mlflow-artifacts:/{identity}",
        "lifecycle_stage": ACTIVE,
    }


def pairs(values: dict[str, str]) -> list[Answer]:
    """Params or tags."""
    return [{"key": key, "value": value} for key, value in values.items()]


def _input(found: dict[str, Any]) -> Answer:
    dataset = {("source_type" if k == "sourceType" else k): v for k, v in found["dataset"].items()}
    return {"dataset": dataset, "tags": pairs(found.get("tags") or {})}
