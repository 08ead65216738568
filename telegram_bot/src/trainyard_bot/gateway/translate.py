"""From the client's typed answers to what the bot shows. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from trainyard import models as api
from trainyard_api import session as contract
from trainyard_bot.gateway.views import (
    Dataset,
    Failure,
    Gpu,
    Model,
    Node,
    Progress,
    Run,
    Series,
    System,
    Wait,
)


def run(session: api.Session) -> Run:
    """One session."""
    spec, status = session.spec, session.status
    return Run(
        uid=session.uid,
        name=session.name,
        phase=session.phase,
        message=status.message or "",
        dataset=spec.dataset,
        priority=spec.priority,
        queue=spec.queue,
        gpus=spec.resources.gpus * spec.workers,
        attempt=status.attempt,
        started=status.start_time,
        attempt_started=status.attempt_start_time,
        ended=status.completion_time,
        wait=_wait(status.queue) if status.queue else None,
        progress=_progress(status.progress) if status.progress else None,
        metrics=tuple((m.name, m.value) for m in status.metrics or ()),
        failure=_failure(status.failure) if status.failure else None,
        model=status.model.name if status.model else None,
        model_version=status.model.version if status.model else None,
        stall_timeout_seconds=spec.stall_timeout_seconds,
    )


def _wait(queue: contract.QueueStatus) -> Wait:
    ahead, start = queue.ahead, queue.estimated_start
    return Wait(
        position=queue.position,
        sessions_ahead=ahead.sessions if ahead else None,
        gpus_ahead=ahead.gpus if ahead else None,
        reason=queue.message or queue.reason or "",
        earliest=start.earliest if start else None,
        latest=start.latest if start else None,
    )


def _progress(progress: contract.Progress) -> Progress:
    checkpoint = progress.last_checkpoint
    return Progress(
        percent=progress.percent,
        epoch=progress.epoch,
        epochs=progress.epochs,
        step=progress.step,
        total_steps=progress.total_steps,
        steps_per_second=progress.steps_per_second,
        eta_seconds=progress.eta_seconds,
        checkpoint_step=checkpoint.step if checkpoint else None,
        last_step=progress.last_step_time,
    )


def _failure(failure: contract.Failure) -> Failure:
    return Failure(
        kind=str(failure.failure_class),
        attempt=failure.attempt,
        message=failure.message or failure.reason or "",
        hint=failure.hint or "",
        exit_code=failure.exit_code,
        last_lines=tuple(failure.last_log_lines or ()),
    )


def waiting(entry: api.QueueEntry) -> Run:
    """One entry of the queue."""
    start = entry.estimated_start or {}
    return Run(
        uid=entry.uid,
        name=entry.name,
        phase=entry.phase,
        queue=entry.queue,
        priority=entry.priority,
        gpus=entry.gpus,
        wait=Wait(
            position=entry.position,
            reason=entry.message or entry.reason or "",
            earliest=_time(start.get("earliest")),
            latest=_time(start.get("latest")),
        ),
    )


def metrics(answer: api.Metrics) -> tuple[tuple[str, str], ...]:
    """Latest values as (name, text)."""
    return tuple((one.name, str(one.value)) for one in answer.metrics)


def series(answer: api.History) -> tuple[Series, ...]:
    """Curves; values that are no finite number are gaps."""
    return tuple(
        Series(
            one.name,
            tuple(
                (float(p.step), p.value)
                for p in one.points
                if isinstance(p.value, float) and math.isfinite(p.value)
            ),
        )
        for one in answer.series
    )


def model(newest: api.Model, versions: int = 1) -> Model:
    """One model; where it came from and how good it is stands in its card."""
    session, values = newest.card.get("session"), newest.card.get("metrics")
    return Model(
        name=newest.name,
        version=newest.version,
        versions=versions,
        size_bytes=newest.size_bytes,
        created=_time(newest.created),
        sha256=newest.sha256,
        session=_name(session),
        metrics=tuple((str(k), str(v)) for k, v in values.items())
        if isinstance(values, Mapping)
        else (),
    )


def _name(session: Any) -> str | None:
    found = session.get("name") if isinstance(session, Mapping) else session
    return found if isinstance(found, str) else None


def dataset(answer: api.Dataset) -> Dataset:
    """One dataset."""
    return Dataset(
        name=answer.name,
        format=answer.format,
        samples=answer.details.samples,
        size_bytes=answer.size_bytes,
        created=_time(answer.created),
        dimensions=tuple(answer.details.dimensions),
        columns=tuple((column.name, column.type) for column in answer.details.columns),
    )


def system(answer: api.System) -> System:
    """Machine and cluster."""
    return System(
        cpu_percent=answer.cpu_percent,
        memory=(answer.memory.used_bytes, answer.memory.total_bytes),
        disk=(answer.disk.used_bytes, answer.disk.total_bytes),
        gpus=tuple(
            Gpu(g.name, g.utilization_percent, g.memory_used_bytes, g.memory_total_bytes)
            for g in answer.gpus
        ),
        nodes=tuple(Node(n.name, n.ready, n.gpus_used, n.gpus) for n in answer.nodes),
        gpus_used=answer.gpus_used,
        gpus_total=answer.gpus_total,
    )


def _time(text: Any) -> datetime | None:
    """A time of the gateway's; without a zone it is UTC, and None where it is none."""
    if not isinstance(text, str):
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
