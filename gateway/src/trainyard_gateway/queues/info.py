"""The queues of the cluster with their limits, their share and their use. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import orjson

from trainyard_api.model import OpenModel
from trainyard_api.queue import QueueingStrategy
from trainyard_scheduler.objects import fields, parse
from trainyard_scheduler.objects.fields import Json, UnparsableObject
from trainyard_scheduler.objects.model import Queue


class QueueInfo(OpenModel):
    """A TrainingQueue: what its sessions may use, and what they use."""

    name: str
    gpu_quota: int | None = None
    """GPUs that it is guaranteed; null without a quota."""
    borrow: bool
    """Whether its sessions may use idle GPUs beyond the quota."""
    weight: int
    share: float
    """Its weight over the weights of all queues that are not paused, from 0 to 1.

    0 while it is paused.
    """
    max_sessions_per_user: int | None = None
    max_gpus_per_session: int | None = None
    paused: bool
    queueing_strategy: QueueingStrategy
    time_slice_seconds: int | None = None
    """How long an attempt runs before it may yield; null unless ShortestRemainingTime."""
    running: int | None = None
    """Sessions that hold resources; null, like the next three, until the operator has counted."""
    waiting: int | None = None
    gpus_used: int | None = None
    """GPUs that its sessions hold."""
    gpus_total: int | None = None
    """GPUs of all nodes that sessions of any queue can use."""


class QueuesResponse(OpenModel):
    """All queues, by name."""

    queues: list[QueueInfo]


def queue_infos(bodies: Iterable[Json]) -> list[QueueInfo]:
    """The queues of these objects. One that makes no sense is skipped, as the operator does."""
    queues: list[Queue] = []
    for body in bodies:
        with suppress(UnparsableObject):
            queues.append(parse.queue(body))
    queues.sort(key=lambda queue: queue.name)
    weights = sum(queue.rules.weight for queue in queues if not queue.rules.paused)
    return [_info(queue, weights) for queue in queues]


def _info(queue: Queue, weights: int) -> QueueInfo:
    rules, status = queue.rules, orjson.loads(queue.own)
    turn = rules.time_slice_seconds
    return QueueInfo(
        name=queue.name,
        gpu_quota=rules.gpu_quota,
        borrow=rules.borrow,
        weight=rules.weight,
        share=0.0 if rules.paused else round(rules.weight / weights, 4),
        max_sessions_per_user=rules.max_sessions_per_user,
        max_gpus_per_session=rules.max_gpus_per_session,
        paused=rules.paused,
        queueing_strategy="BestEffortFIFO" if turn is None else "ShortestRemainingTime",
        time_slice_seconds=None if turn is None else int(turn),
        running=_counted(status, "running"),
        waiting=_counted(status, "waiting"),
        gpus_used=_counted(status, "gpusUsed"),
        gpus_total=_counted(status, "gpusTotal"),
    )


def _counted(status: Json, field: str) -> int | None:
    return fields.count(status[field]) if field in status else None
