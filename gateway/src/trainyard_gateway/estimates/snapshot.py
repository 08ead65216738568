"""The cluster as the scheduler sees it, made from what Kubernetes and the session cache say. Pure.

An object that makes no sense counts as absent: an estimate is a help, not a promise.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from trainyard_api import names
from trainyard_api.phase import HOLDING_GPUS, Phase
from trainyard_api.queue import TrainingQueueSpec
from trainyard_api.session import TrainingSessionSpec
from trainyard_kube import Json
from trainyard_scheduler.facts import (
    Allocation,
    Node,
    Policy,
    QueueRules,
    Request,
    Runtime,
    Shape,
)
from trainyard_scheduler.objects import kubernetes as observe
from trainyard_scheduler.resources import ResourceVector, millicores, minus, whole
from trainyard_scheduler.snapshot import Snapshot
from trainyard_scheduler.waiting_queue import waiting_queues

_HOLDING = frozenset(str(phase) for phase in HOLDING_GPUS)


@dataclass(frozen=True, slots=True)
class InstallationConfig:
    """What the administrator set."""

    gpu_kinds: tuple[str, ...]
    """GPU resources; their places are the kinds of amounts."""
    runtimes: Mapping[str, Runtime]
    policy: Policy


@dataclass(frozen=True, slots=True)
class Raw:
    """Objects as they came."""

    nodes: Sequence[Json]
    pods: Sequence[Json]
    queues: Sequence[Json]
    sessions: Sequence[Json]


def snapshot_of(raw: Raw, config: InstallationConfig, now: float) -> Snapshot:
    """Everything that an estimate needs. `now` in seconds since the epoch."""
    nodes = {n.name: n for n in _nodes(raw.nodes, config)}
    free, places = _taken(raw.pods, nodes, config)
    rules = {q.name: q for q in _queues(raw.queues)}
    allocations, waiting = [], []
    for body in raw.sessions:
        spec = _spec(body)
        if spec is None or spec.runtime not in config.runtimes or spec.queue not in rules:
            continue
        phase = (body.get("status") or {}).get("phase")
        uid = body["metadata"]["uid"]
        if phase in _HOLDING or places.get(uid):
            allocations.append(_allocation(body, spec, tuple(places.get(uid, ())), config, now))
        elif phase == Phase.QUEUED:
            waiting.append(_request(body, spec, config))
    return Snapshot(
        nodes=nodes,
        free=free,
        runtimes=config.runtimes,
        queues=rules,
        allocations=tuple(allocations),
        waiting=waiting_queues(waiting, config.policy),
        policy=config.policy,
    )


def _taken(
    pods: Iterable[Json], nodes: Mapping[str, Node], config: InstallationConfig
) -> tuple[dict[str, ResourceVector], Mapping[str, Sequence[str]]]:
    """What is free on each usable node, and the nodes of each session's pods."""
    free = {name: node.allocatable for name, node in nodes.items() if node.usable}
    places: defaultdict[str, list[str]] = defaultdict(list)
    for pod in pods:
        name = observe.holds_node(pod)
        if name is None:
            continue
        uid = (pod["metadata"].get("labels") or {}).get(names.LABEL_SESSION_UID)
        if uid is not None:
            places[uid].append(name)
        if name in free:
            free[name] = minus(free[name], observe.pod_requests(pod, config.gpu_kinds))
    return free, places


def request_for(
    spec: TrainingSessionSpec, user: str, config: InstallationConfig, now: float
) -> Request:
    """A session that would be created now."""
    return Request(
        uid="",
        name="",
        queue=spec.queue,
        user=user,
        priority=spec.priority,
        queued=now,
        shape=shape_of(spec, config),
        limit_seconds=spec.max_runtime_seconds,
    )


def shape_of(spec: TrainingSessionSpec, config: InstallationConfig) -> Shape:
    """What a session asks for."""
    gpus = [0] * len(config.gpu_kinds)
    gpus[config.runtimes[spec.runtime].gpu_kind] = spec.resources.gpus
    worker: ResourceVector = (
        1,
        millicores(spec.resources.cpu),
        whole(spec.resources.memory),
        *gpus,
    )
    return Shape(worker, spec.workers, spec.runtime)


def _nodes(raw: Iterable[Json], config: InstallationConfig) -> Iterable[Node]:
    for body in raw:
        try:
            yield observe.node(body, config.gpu_kinds)
        except (ValueError, TypeError, KeyError, AttributeError):
            continue


def _queues(raw: Iterable[Json]) -> Iterable[QueueRules]:
    for body in raw:
        try:
            spec = TrainingQueueSpec.model_validate(body.get("spec") or {})
        except ValidationError:
            continue
        yield QueueRules(
            name=body["metadata"]["name"],
            gpu_quota=spec.gpu_quota,
            borrow=spec.borrow,
            weight=spec.weight,
            max_sessions_per_user=spec.max_sessions_per_user,
            max_gpus_per_session=spec.max_gpus_per_session,
            paused=spec.paused,
        )


def _spec(body: Json) -> TrainingSessionSpec | None:
    try:
        return TrainingSessionSpec.model_validate(body["spec"])
    except ValidationError:
        return None


def _user(body: Json) -> str:
    return str((body["metadata"].get("labels") or {}).get(names.LABEL_USER, ""))


def _queued(body: Json) -> float:
    status = body.get("status") or {}
    return (
        seconds(status.get("queuedTime")) or seconds(body["metadata"]["creationTimestamp"]) or 0.0
    )


def _request(body: Json, spec: TrainingSessionSpec, config: InstallationConfig) -> Request:
    status = body.get("status") or {}
    eta = (status.get("progress") or {}).get("etaSeconds") if status.get("attempt") else None
    return Request(
        uid=body["metadata"]["uid"],
        name=body["metadata"]["name"],
        queue=spec.queue,
        user=_user(body),
        priority=spec.priority,
        queued=_queued(body),
        shape=shape_of(spec, config),
        expected_seconds=eta,
        limit_seconds=spec.max_runtime_seconds,
    )


def _allocation(
    body: Json,
    spec: TrainingSessionSpec,
    nodes: tuple[str, ...],
    config: InstallationConfig,
    now: float,
) -> Allocation:
    status: dict[str, Any] = body.get("status") or {}
    progress = status.get("progress") or {}
    phase = status.get("phase")
    started = seconds(status.get("attemptStartTime")) if phase == Phase.RUNNING else None
    eta, at = progress.get("etaSeconds"), seconds(progress.get("lastHeartbeat"))
    fresh = eta is not None and at is not None and progress.get("attempt") == status.get("attempt")
    limit = None
    if spec.max_runtime_seconds is not None and started is not None:
        limit = started + max(0, spec.max_runtime_seconds - (status.get("runSeconds") or 0))
    return Allocation(
        uid=body["metadata"]["uid"],
        queue=spec.queue,
        user=_user(body),
        priority=spec.priority,
        queued=_queued(body),
        shape=shape_of(spec, config),
        nodes=nodes,
        started=started,
        leaving=phase not in (Phase.STARTING, Phase.RUNNING),
        checkpoint=seconds((progress.get("lastCheckpoint") or {}).get("time")),
        eta_seconds=max(0.0, eta - (now - at))
        if fresh and eta is not None and at is not None
        else None,
        limit=limit,
    )


def seconds(time: Any) -> float | None:
    """RFC 3339 as seconds since the epoch, None for anything else."""
    try:
        return datetime.fromisoformat(time).timestamp()
    except (TypeError, ValueError):
        return None
