"""Whether a session that is submitted stays within its limits of queue, priority and size. Pure.

GPUs at once and budgets refuse nothing: the scheduler lets sessions wait for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trainyard_api.limits.published import Subject
from trainyard_api.session.spec import TrainingSessionSpec
from trainyard_gateway.errors import NotPermitted
from trainyard_gateway.limits.limit import LimitSpec


def require_within(
    spec: TrainingSessionSpec, subjects: Iterable[Subject], limits: Mapping[Subject, LimitSpec]
) -> None:
    """Raises NotPermitted, with what is accepted."""
    gpus = spec.resources.gpus * spec.workers
    for subject in subjects:
        limit = limits.get(subject)
        if limit is None:
            continue
        whose = f"the {subject.kind.value} {subject.name!r}"
        if limit.queues is not None and spec.queue not in limit.queues:
            raise NotPermitted(
                f"queue: {whose} may use {', '.join(limit.queues)}, not {spec.queue!r}; {_MORE}"
            )
        if limit.max_gpus is not None and gpus > limit.max_gpus:
            raise NotPermitted(
                f"resources.gpus: the session asks for {gpus} GPUs, and {whose} may hold"
                f" {limit.max_gpus} at once; {_MORE}"
            )
        require_priority(spec.priority, subject, limit)


def require_priority(priority: int, subject: Subject, limit: LimitSpec) -> None:
    """Raises NotPermitted for one above the limit."""
    if limit.max_priority is not None and priority > limit.max_priority:
        raise NotPermitted(
            f"priority: the {subject.kind.value} {subject.name!r} may give at most"
            f" {limit.max_priority}, not {priority}; {_MORE}"
        )


_MORE = "an administrator changes limits: `trainyard limits set`"
