"""What an attempt or an installation held, and when: the records of `status.allocations`.

An attempt holds the GPUs of all its workers from the binding of its first pod to a node until the
program of its last pod has ended. Kubernetes says both: the condition PodScheduled and
`state.terminated.finishedAt`. Times are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, NamedTuple

import orjson

from trainyard_api import timestamps
from trainyard_api.session.allocation import MOST_ALLOCATIONS, AllocationKind, AllocationOutcome
from trainyard_scheduler.clocks import past
from trainyard_scheduler.objects import fields
from trainyard_scheduler.objects.fields import MAX_COUNT
from trainyard_scheduler.objects.model import BuilderJob, Pod, Session
from trainyard_scheduler.resources import ResourceVector, gpus

_CPU: Final = 1
_MEMORY: Final = 2


def bound_at(pods: Collection[Pod], known: float | None, now: float) -> float | None:
    """When the first of an attempt's pods was bound to a node.

    `known` is what the status says of it. None if neither says it.
    """
    times = [past(t, now) for t in (known, *(p.scheduled for p in pods))]
    return min((t for t in times if t is not None), default=None)


class Span(NamedTuple):
    """From when to when something was held."""

    start: float | None
    """When the first pod was bound; None if none was."""
    end: float
    exact: bool = True
    """Whether Kubernetes reported both times, of all pods."""
    ran: bool = True
    """Whether the program began to run."""


def span_of(pods: Collection[Pod], workers: int, known: Span, now: float) -> Span:
    """What `workers` pods held, as those that are left say.

    `known` is the same as far as the status and the Job say it: the pods may be gone.
    """
    began = known.ran or any(p.started is not None for p in pods)
    bound = bound_at(pods, known.start, now)
    ends = [t for p in pods if (t := past(p.ended, now)) is not None]
    end = max(ends, default=known.end)
    unheld = bound is None and not began
    exact = unheld or (bound is not None and len(ends) >= workers)
    # The binding is by the API server's clock, the end by the node's, which may be behind.
    return Span(bound, max(end, bound or end), exact, began)


def attempt_record(
    session: Session, number: int, span: Span, outcome: AllocationOutcome, now: float
) -> dict[str, Any]:
    """The record of attempt `number`, which has ended."""
    held = session.spec.shape.total
    record = _record(AllocationKind.ATTEMPT, number, span, held, outcome)
    checkpoint = past(session.status.checkpoint, now)
    if checkpoint is not None:
        record["checkpointTime"] = timestamps.to_seconds_text(checkpoint)
    return record


def installation_record(
    job: BuilderJob, pod: Pod | None, outcome: AllocationOutcome, now: float
) -> dict[str, Any] | None:
    """The record of an installation of packages that has ended; None if nothing is left of it."""
    if pod is None:
        return None
    span = span_of([pod], 1, Span(None, now, ran=False), now)
    return _record(AllocationKind.INSTALLATION, job.number, span, pod.requests, outcome)


def _record(
    kind: AllocationKind,
    number: int,
    span: Span,
    held: ResourceVector,
    outcome: AllocationOutcome,
) -> dict[str, Any]:
    start = {} if span.start is None else {"startTime": timestamps.to_seconds_text(span.start)}
    return {
        "kind": kind.value,
        "number": number,
        **start,
        "endTime": timestamps.to_seconds_text(span.end),
        "exact": span.exact,
        "ran": span.ran,
        "gpus": min(MAX_COUNT, gpus(held)),
        "cpuMillis": min(MAX_COUNT, held[_CPU]),
        "memoryBytes": min(MAX_COUNT, held[_MEMORY]),
        "outcome": outcome.value,
    }


def with_record(session: Session, record: dict[str, Any] | None) -> dict[str, Any]:
    """The status field with one record more, or with this one in the place of its equal."""
    if record is None:
        return {}
    known = fields.mapping(orjson.loads(session.status.own)).get("allocations")
    same = ("kind", "number")
    kept = [r for r in fields.items(known) if any(r.get(k) != record[k] for k in same)]
    return {"allocations": [*kept, record][-MOST_ALLOCATIONS:]}
