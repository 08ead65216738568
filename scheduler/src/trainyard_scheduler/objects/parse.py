"""Raw objects → items of the `ClusterState`.

A session whose spec makes no sense becomes `InvalidSession`; anything else that makes none raises UnparsableObject.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson
from pydantic import ValidationError

from trainyard_api import names
from trainyard_api.model import field_errors
from trainyard_api.phase import ConditionType, Phase, Reason
from trainyard_api.queue import TrainingQueueSpec
from trainyard_api.session import TrainingSessionSpec
from trainyard_api.timestamps import parse_seconds
from trainyard_scheduler.facts import Node, QueueRules, Shape
from trainyard_scheduler.objects import kubernetes as facts
from trainyard_scheduler.objects.installation import InstallationConfig
from trainyard_scheduler.objects.model import (
    InvalidSession,
    Job,
    Pod,
    Queue,
    Session,
    SessionSpec,
    SessionStatus,
)
from trainyard_scheduler.resources import FIRST_GPU, millicores, whole

Raw = Mapping[str, Any]

NODES_ANNOTATION = f"{names.GROUP}/nodes"
"""On Jobs: the nodes that the queue chose for the workers, separated by commas."""
BACKFILLED_ANNOTATION = f"{names.GROUP}/backfilled"
"""On Jobs: started past a session that had waited longer."""

FOREIGN_STATUS = ("progress", "metrics", "dataset", "model")
"""Parts of the status that the gateway writes."""


class UnparsableObject(ValueError):
    """An object that cannot be understood; it is left alone."""


@contextmanager
def _understanding(kind: str, raw: Raw) -> Iterator[None]:
    """The API server checks the types of what it keeps, by schemas that may be older or newer than this program."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise UnparsableObject(f"{kind} {raw['metadata'].get('name')}: {error}") from error


def session(
    raw: Raw, config: InstallationConfig, before: Session | InvalidSession | None = None
) -> Session | InvalidSession:
    """A TrainingSession. `before` saves parsing a spec that did not change. Raises UnparsableObject."""
    with _understanding("TrainingSession", raw):
        return _session(raw, config, before)


def _session(
    raw: Raw, config: InstallationConfig, before: Session | InvalidSession | None
) -> Session | InvalidSession:
    meta = raw["metadata"]
    status = raw.get("status")
    status = status if isinstance(status, dict) else {}
    generation = int(meta.get("generation") or 0)
    if isinstance(before, Session) and before.generation == generation:
        parsed: SessionSpec | str = before.spec
    else:
        parsed = _session_spec(raw.get("spec"), config)
    if isinstance(parsed, str):
        return InvalidSession(
            meta["uid"], meta["name"], _version(meta), generation, parsed, _own(status)
        )
    return Session(
        uid=meta["uid"],
        name=meta["name"],
        user=str((meta.get("labels") or {}).get(names.LABEL_USER, "")),
        created=parse_seconds(meta.get("creationTimestamp")) or 0.0,
        generation=generation,
        version=_version(meta),
        deleting="deletionTimestamp" in meta,
        spec=parsed,
        status=_session_status(status),
    )


def _session_spec(raw: Any, config: InstallationConfig) -> SessionSpec | str:
    try:
        spec = TrainingSessionSpec.model_validate(raw)
    except ValidationError as error:
        return "; ".join(
            f"spec.{e.field}: {e.message}" for e in field_errors(error, TrainingSessionSpec)[:5]
        )
    entry = config.runtimes.get(spec.runtime)
    kind = entry.gpu_kind if entry else 0
    gpus = [0] * len(config.gpu_kinds)
    gpus[kind] = spec.resources.gpus
    worker = (1, millicores(spec.resources.cpu), whole(spec.resources.memory), *gpus)
    if len(worker) != FIRST_GPU + len(config.gpu_kinds):
        raise ValueError("a worker's amounts are not those that the scheduler knows")
    return SessionSpec(
        desired=spec.desired_state,
        priority=spec.priority,
        queue=spec.queue,
        runtime=spec.runtime,
        shape=Shape(worker, spec.workers, spec.runtime),
        dataset=spec.dataset,
        resume_session=spec.resume_from.session if spec.resume_from else None,
        retry_limit=spec.retry.limit,
        backoff_seconds=spec.retry.backoff_seconds,
        max_runtime=spec.max_runtime_seconds,
        stall_timeout=spec.stall_timeout_seconds,
        ttl=config.retention_seconds
        if spec.ttl_seconds_after_finished is None
        else spec.ttl_seconds_after_finished,
        kind=_kind(raw),
        json=orjson.dumps(raw),
    )


def _kind(raw: Raw) -> int:
    work = {k: raw.get(k) for k in ("command", "dataset", "resources", "workers", "runtime")}
    training = {k: v for k, v in _dict(raw.get("training")).items() if k != "seed"}
    return zlib.crc32(orjson.dumps([work, training], option=orjson.OPT_SORT_KEYS))


def _session_status(status: Raw) -> SessionStatus:
    progress = _dict(status.get("progress"))
    dataset = _dict(status.get("dataset"))
    failure = _dict(status.get("failure"))
    phase = status.get("phase")
    heartbeat = parse_seconds(progress.get("lastHeartbeat"))
    return SessionStatus(
        phase=Phase(phase) if phase in _PHASES else None,
        attempt=_count(status.get("attempt")),
        failures=_count(status.get("failures")),
        preemptions=_count(status.get("preemptions")),
        queued=parse_seconds(status.get("queuedTime")),
        retry=parse_seconds(status.get("retryTime")),
        started=parse_seconds(status.get("startTime")),
        attempt_started=parse_seconds(status.get("attemptStartTime")),
        completed=parse_seconds(status.get("completionTime")),
        run_seconds=_count(status.get("runSeconds")),
        gpu_seconds=_count(status.get("gpuSeconds")),
        failed_attempt=_count(failure.get("attempt")),
        failure_class=str(failure.get("class", "")),
        preempting=_preempting(status),
        dataset_state=str(dataset.get("state", "")),
        dataset=orjson.dumps(dataset) if dataset else b"",
        progress_attempt=_count(progress.get("attempt")),
        eta_seconds=_length(progress.get("etaSeconds")),
        eta_at=heartbeat,
        checkpoint=parse_seconds(_dict(progress.get("lastCheckpoint")).get("time")),
        stepped=parse_seconds(progress.get("lastStepTime")),
        steps_done=_count(progress.get("step")),
        has_model=isinstance(status.get("model"), dict),
        own=_own(status),
    )


_PHASES = frozenset(Phase)


def _preempting(status: Raw) -> bool:
    return status.get("phase") == Phase.SUSPENDING and any(
        isinstance(c, dict)
        and c.get("type") == ConditionType.ADMITTED
        and c.get("reason") == Reason.PREEMPTED
        for c in status.get("conditions") or ()
    )


def _own(status: Raw) -> bytes:
    return orjson.dumps({k: v for k, v in status.items() if k not in FOREIGN_STATUS})


def queue(raw: Raw) -> Queue:
    """A TrainingQueue. Raises UnparsableObject."""
    meta = raw["metadata"]
    with _understanding("TrainingQueue", raw):
        spec = TrainingQueueSpec.model_validate(raw.get("spec") or {})
        rules = QueueRules(
            name=meta["name"],
            gpu_quota=spec.gpu_quota,
            borrow=spec.borrow,
            weight=spec.weight,
            max_sessions_per_user=spec.max_sessions_per_user,
            max_gpus_per_session=spec.max_gpus_per_session,
            paused=spec.paused,
        )
        own = orjson.dumps(_dict(raw.get("status")))
        return Queue(
            meta["uid"], meta["name"], _version(meta), int(meta.get("generation") or 0), rules, own
        )


def node(raw: Raw, config: InstallationConfig) -> Node:
    """A node. Raises UnparsableObject."""
    with _understanding("node", raw):
        return facts.node(raw, config.gpu_kinds)


def job(raw: Raw, config: InstallationConfig) -> Job | None:
    """A Job of ours, None for anybody else's. Raises UnparsableObject."""
    with _understanding("Job", raw):
        return _job(raw, config)


def _job(raw: Raw, config: InstallationConfig) -> Job | None:
    meta = raw["metadata"]
    labels = meta.get("labels") or {}
    owner = next(
        (o for o in meta.get("ownerReferences") or () if o.get("kind") == names.SESSION_KIND), None
    )
    attempt = labels.get(names.LABEL_ATTEMPT, "")
    if owner is None or not attempt.isdecimal():
        return None
    expected = names.job_name(labels.get(names.LABEL_SESSION, ""), owner["uid"], int(attempt))
    if meta["name"] != expected:
        return None
    annotations = meta.get("annotations") or {}
    done = _job_end(raw.get("status") or {})
    return Job(
        uid=meta["uid"],
        name=meta["name"],
        session_uid=owner["uid"],
        attempt=int(attempt),
        version=_version(meta),
        created=parse_seconds(meta.get("creationTimestamp")) or 0.0,
        workers=int(raw["spec"].get("completions") or 1),
        worker=facts.pod_requests(raw["spec"]["template"], config.gpu_kinds),
        nodes=tuple(n for n in annotations.get(NODES_ANNOTATION, "").split(",") if n),
        backfilled=annotations.get(BACKFILLED_ANNOTATION) == "true",
        finished=_text(done.get("type")),
        reason=_text(done.get("reason")),
        message=_text(done.get("message")),
        finish_time=parse_seconds(done.get("lastTransitionTime")),
        deleting="deletionTimestamp" in meta,
    )


def _job_end(status: Raw) -> Raw:
    for condition in status.get("conditions") or ():
        if condition.get("type") in ("Complete", "Failed") and condition.get("status") == "True":
            return dict(condition)
    return {}


def pod(raw: Raw, config: InstallationConfig) -> Pod:
    """A pod. Raises UnparsableObject."""
    with _understanding("pod", raw):
        return _pod(raw, config)


def _pod(raw: Raw, config: InstallationConfig) -> Pod:
    meta, status = raw["metadata"], raw.get("status") or {}
    labels = meta.get("labels") or {}
    owners: Iterable[Raw] = meta.get("ownerReferences") or ()
    owner: Raw = next((o for o in owners if o.get("controller")), {})
    ours = owner.get("kind") == "Job" and labels.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY
    base = {
        "uid": meta["uid"],
        "name": meta["name"],
        "version": _version(meta),
        "node": facts.holds_node(raw),
        "amount": facts.pod_requests(raw, config.gpu_kinds),
        "phase": _text(status.get("phase")),
    }
    if not ours:
        return Pod(**base)
    return Pod(
        **base,
        session_uid=_text(labels.get(names.LABEL_SESSION_UID)),
        job_uid=_text(owner.get("uid")),
        deleting="deletionTimestamp" in meta,
        assigned=_text((raw.get("spec") or {}).get("nodeName")),
        meant=_meant(raw.get("spec") or {}),
        reason=_text(status.get("reason")),
        message=_text(status.get("message")),
        worker=_number(labels.get("batch.kubernetes.io/job-completion-index")),
        attempt=_number(labels.get(names.LABEL_ATTEMPT)),
        **_conditions(status),
        **_container(status),
    )


def _meant(spec: Raw) -> tuple[str, ...]:
    """The nodes that our manifests put into a pod's preferred affinity."""
    affinity = _dict(_dict(spec.get("affinity")).get("nodeAffinity"))
    terms = affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    fields = (f for t in terms for f in _dict(t.get("preference")).get("matchFields") or ())
    return tuple(f["values"][0] for f in fields if f.get("key") == "metadata.name")


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0


def _conditions(status: Raw) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            found["unschedulable"] = (
                _text(condition.get("message")) or _text(condition.get("reason")) or "?"
            )
            found["unschedulable_since"] = parse_seconds(condition.get("lastTransitionTime"))
        if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True":
            found["disruption"] = _text(condition.get("reason")) or "?"
    return found


def _container(status: Raw) -> dict[str, Any]:
    containers = status.get("containerStatuses") or ()
    if not containers:
        return {}
    state = containers[0].get("state") or {}
    if waiting := state.get("waiting"):
        return {
            "waiting_reason": _text(waiting.get("reason")),
            "waiting_message": _text(waiting.get("message")),
        }
    if running := state.get("running"):
        return {"started": parse_seconds(running.get("startedAt"))}
    ended = state.get("terminated") or {}
    code = ended.get("exitCode")
    return {
        "started": parse_seconds(ended.get("startedAt")),
        "ended": parse_seconds(ended.get("finishedAt")),
        "exit_code": int(code) if code is not None else None,
        "signal": int(ended.get("signal") or 0),
        "terminated_reason": _text(ended.get("reason")),
        "termination_message": _text(ended.get("message")),
    }


def _version(meta: Raw) -> int:
    return int(meta.get("resourceVersion") or 0)


def _dict(value: object) -> Raw:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _length(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and value >= 0 else None
