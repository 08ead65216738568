"""TrainingSessions, from the JSON of the API server."""

from __future__ import annotations

import re
import zlib
from typing import Any

import orjson
from pydantic import ValidationError

from trainyard_api import names
from trainyard_api.attempt import AttemptDataset
from trainyard_api.model import field_errors
from trainyard_api.phase import ConditionType, Phase, Reason
from trainyard_api.quantity import millicores, whole
from trainyard_api.session.allocation import MOST_ALLOCATIONS, AllocationKind
from trainyard_api.session.datasets import in_own_folder
from trainyard_api.session.spec import TrainingSessionSpec
from trainyard_api.timestamps import parse_seconds
from trainyard_scheduler.facts import Shape
from trainyard_scheduler.objects import fields
from trainyard_scheduler.objects.fields import (
    Json,
    count,
    duration,
    exit_code,
    items,
    mapping,
    ordinal,
    packed,
    rate,
    text,
)
from trainyard_scheduler.objects.installation import InstallationConfig
from trainyard_scheduler.objects.model import (
    HeldGpus,
    InvalidSession,
    Session,
    SessionSpec,
    SessionStatus,
)

GATEWAY_STATUS = ("progress", "metrics", "dataset", "datasets", "code", "resumeSource", "model")
"""Parts of the status that the gateway writes."""
ERRORS_SHOWN = 5
_PHASES = frozenset(Phase)
_LOCK = re.compile(r"[0-9a-f]{64}")


def parse_session(
    raw: Json, config: InstallationConfig, before: Session | InvalidSession | None = None
) -> Session | InvalidSession:
    """A TrainingSession; `InvalidSession` if its spec cannot be used.

    `before` is the same object as it was known: its spec is not parsed again if the generation is
    the same. Raises ValueError, TypeError, LookupError or AttributeError if the object makes no
    sense.
    """
    meta = raw["metadata"]
    status = mapping(raw.get("status"))
    generation = count(meta.get("generation"))
    if isinstance(before, Session) and before.generation == generation:
        spec: SessionSpec | str = before.spec
    else:
        spec = _spec(raw.get("spec"), config)
    uid, name, version = meta["uid"], meta["name"], fields.version(meta)
    labels = mapping(meta.get("labels"))
    if isinstance(spec, str):
        return InvalidSession(uid, name, version, generation, spec, _own(status))
    return Session(
        uid=uid,
        name=name,
        user=text(labels.get(names.LABEL_USER)),
        team=text(labels.get(names.LABEL_TEAM)),
        key=text(labels.get(names.LABEL_KEY)),
        created=parse_seconds(meta.get("creationTimestamp")) or 0.0,
        generation=generation,
        version=version,
        deleting="deletionTimestamp" in meta,
        spec=spec,
        status=_status(status),
    )


def _spec(raw: Any, config: InstallationConfig) -> SessionSpec | str:
    """The spec, or what is wrong with it."""
    try:
        spec = TrainingSessionSpec.model_validate(raw)
    except ValidationError as error:
        wrong = field_errors(error, TrainingSessionSpec)[:ERRORS_SHOWN]
        return text("; ".join(f"spec.{e.field}: {e.message}" for e in wrong))
    return SessionSpec(
        desired=spec.desired_state,
        priority=spec.priority,
        queue=spec.queue,
        runtime=spec.runtime,
        shape=_shape(spec, config),
        datasets=(spec.dataset,) if spec.dataset else tuple(spec.datasets or ()),
        code=spec.code.bundle if spec.code else None,
        packages=spec.packages is not None,
        resume_session=spec.resume_from.session if spec.resume_from else None,
        retry_limit=spec.retry.limit,
        backoff_seconds=spec.retry.backoff_seconds,
        max_runtime=spec.max_runtime_seconds,
        stall_timeout=spec.stall_timeout_seconds,
        ttl=spec.ttl_seconds_after_finished,
        grace_seconds=spec.grace_period_seconds,
        secrets=tuple(spec.secrets or ()),
        kind=_kind(spec),
        json=packed(raw),
    )


def _shape(spec: TrainingSessionSpec, config: InstallationConfig) -> Shape:
    """What its workers request. The GPUs of an unknown runtime count as the first kind."""
    runtime = config.runtimes.get(spec.runtime)
    gpus = [0] * len(config.gpu_resources)
    gpus[runtime.gpu_kind if runtime else 0] = spec.resources.gpus
    worker = (1, millicores(spec.resources.cpu), whole(spec.resources.memory), *gpus)
    return Shape(worker, spec.workers, spec.runtime)


def _kind(spec: TrainingSessionSpec) -> int:
    """Hash of command, training without its seed, datasets, resources, workers and runtime.

    It is made of the parsed spec, so that defaults count the same whether they are written out or
    not.
    """
    work = spec.model_dump(
        mode="json",
        include={"command", "code", "dataset", "resources", "workers", "runtime", "training"}
        | ({"datasets"} if spec.datasets else set()),
        exclude={"training": {"seed"}, "code": {"bundle", "commit", "dirty"}},
    )
    return zlib.crc32(orjson.dumps(work, option=orjson.OPT_SORT_KEYS))


def _status(status: Json) -> SessionStatus:
    dataset, disruption = mapping(status.get("dataset")), mapping(status.get("disruption"))
    datasets = items(status.get("datasets"))
    phase = status.get("phase")
    return SessionStatus(
        phase=Phase(phase) if isinstance(phase, str) and phase in _PHASES else None,
        attempt=ordinal(status.get("attempt")),
        failures=count(status.get("failures")),
        preemptions=count(status.get("preemptions")),
        queued=parse_seconds(status.get("queuedTime")),
        retry=parse_seconds(status.get("retryTime")),
        started=parse_seconds(status.get("startTime")),
        attempt_started=parse_seconds(status.get("attemptStartTime")),
        allocated=parse_seconds(status.get("attemptAllocatedTime")),
        held=_held(status),
        completed=parse_seconds(status.get("completionTime")),
        run_seconds=count(status.get("runSeconds")),
        gpu_seconds=count(status.get("gpuSeconds")),
        disrupted_attempt=ordinal(disruption.get("attempt")),
        disruption_reason=text(disruption.get("reason")),
        disruption_message=text(disruption.get("message")),
        preempting=_preempting(status) is not None,
        over_budget=_preempting(status) == Reason.BUDGET_SPENT,
        dataset_states=tuple(
            (text(d.get("name")), _dataset_state(d)) for d in (dataset, *datasets)
        ),
        code_state=text(mapping(status.get("code")).get("state")),
        resume_uid=text(mapping(status.get("resumeSource")).get("uid")),
        dataset_problem=text(dataset.get("problem")),
        dataset=packed(dataset) if dataset else b"",
        datasets=packed(datasets) if datasets else b"",
        **_environment(status),
        has_model=isinstance(status.get("model"), dict),
        unreleased=_unreleased(status),
        own=_own(status),
        **_failure(mapping(status.get("failure"))),
        **_progress(mapping(status.get("progress"))),
    )


def _environment(status: Json) -> dict[str, Any]:
    """The packages that are installed, and how their installation goes."""
    found, build = mapping(status.get("environment")), mapping(status.get("environmentBuild"))
    missing = mapping(status.get("environmentMissing"))
    return {
        "environment": lock_of(found),
        "environment_image": text(found.get("image")),
        "builds": ordinal(build.get("number")),
        "build_failures": count(build.get("failures")),
        "build_retry": parse_seconds(build.get("retryTime")),
        "build_message": text(build.get("message")),
        "missing_attempt": ordinal(missing.get("attempt")),
        "missing_times": count(missing.get("times")),
    }


def lock_of(environment: Json) -> str:
    """The lock of installed packages, which names a folder; empty for anything else."""
    lock = text(environment.get("lock"))
    return lock if _LOCK.fullmatch(lock) else ""


def _failure(failure: Json) -> dict[str, Any]:
    lines = failure.get("lastLogLines")
    return {
        "failed_attempt": ordinal(failure.get("attempt")),
        "failure_class": text(failure.get("class")),
        "failure_exit_code": exit_code(failure.get("exitCode")),
        "failure_message": text(failure.get("message")),
        "failure_line": text(lines[-1]) if isinstance(lines, list) and lines else "",
        "failure_time": parse_seconds(failure.get("time")),
        "failure_alike": count(failure.get("alike")),
    }


def _progress(progress: Json) -> dict[str, Any]:
    return {
        "progress_attempt": ordinal(progress.get("attempt")),
        "eta_seconds": duration(progress.get("etaSeconds")),
        "eta_at": parse_seconds(progress.get("lastHeartbeat")),
        "checkpoint": parse_seconds(mapping(progress.get("lastCheckpoint")).get("time")),
        "stepped": parse_seconds(progress.get("lastStepTime")),
        "steps_done": count(progress.get("step")),
        "steps_total": count(progress.get("totalSteps")),
        "epochs_done": count(progress.get("epoch")),
        "epochs_total": count(progress.get("epochs")),
        "steps_per_second": rate(progress.get("stepsPerSecond")),
    }


def _dataset_state(dataset: Json) -> str:
    """Found, NotFound or empty.

    Without a file in its own folder a dataset cannot be mounted, so it counts as not looked up.
    """
    state = text(dataset.get("state"))
    if state == "Found":
        try:
            found = AttemptDataset.model_validate(dataset)
        except ValidationError:
            return ""
        if not in_own_folder(found.file, found.schema_file):
            return ""
    return state


def _preempting(status: Json) -> Reason | None:
    """Why the operator asked it to leave; None if it did not."""
    if status.get("phase") != Phase.SUSPENDING:
        return None
    conditions = items(status.get("conditions"))
    given = {c.get("reason") for c in conditions if c.get("type") == ConditionType.ADMITTED}
    return next((r for r in (Reason.PREEMPTED, Reason.BUDGET_SPENT) if r in given), None)


def _held(status: Json) -> tuple[HeldGpus, ...]:
    found = []
    for item in items(status.get("allocations"))[:MOST_ALLOCATIONS]:
        start, end = parse_seconds(item.get("startTime")), parse_seconds(item.get("endTime"))
        gpus, number = count(item.get("gpus")), ordinal(item.get("number"))
        of_attempt = item.get("kind", AllocationKind.ATTEMPT) == AllocationKind.ATTEMPT
        if of_attempt and gpus and number and start is not None and end is not None:
            found.append(HeldGpus(number, gpus, start, end))
    return tuple(found)


def _unreleased(status: Json) -> str:
    if status.get("phase") != Phase.PENDING:
        return ""
    found = (c for c in items(status.get("conditions")) if c.get("type") == ConditionType.ACCEPTED)
    condition = next(found, {})
    held = condition.get("reason") == Reason.SECRET_NOT_RELEASED
    return text(condition.get("message")) if held else ""


def _own(status: Json) -> bytes:
    return packed({k: v for k, v in status.items() if k not in GATEWAY_STATUS})
