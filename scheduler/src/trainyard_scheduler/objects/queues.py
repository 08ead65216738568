"""TrainingQueues, from the JSON of the API server."""

from __future__ import annotations

from trainyard_api.queue import TrainingQueueSpec
from trainyard_scheduler.facts import QueueRules
from trainyard_scheduler.objects import fields
from trainyard_scheduler.objects.fields import Json, count, mapping, packed
from trainyard_scheduler.objects.model import Queue


def parse_queue(raw: Json) -> Queue:
    """A TrainingQueue.

    Raises ValueError (pydantic's), TypeError or KeyError if it makes no sense.
    """
    meta = raw["metadata"]
    spec = TrainingQueueSpec.model_validate(raw.get("spec") or {})
    rules = QueueRules(
        name=meta["name"],
        gpu_quota=spec.gpu_quota,
        borrow=spec.borrow,
        weight=spec.weight,
        max_sessions_per_user=spec.max_sessions_per_user,
        max_gpus_per_session=spec.max_gpus_per_session,
        paused=spec.paused,
        time_slice_seconds=_time_slice(spec),
    )
    return Queue(
        uid=meta["uid"],
        name=meta["name"],
        version=fields.version(meta),
        generation=count(meta.get("generation")),
        rules=rules,
        own=packed(mapping(raw.get("status"))),
    )


def _time_slice(spec: TrainingQueueSpec) -> float | None:
    if spec.queueing_strategy == "ShortestRemainingTime":
        return float(spec.time_slice_seconds)
    return None
