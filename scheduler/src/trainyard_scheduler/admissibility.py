"""Whether a session can ever run on this installation: runtime, queue, limits, size."""

from __future__ import annotations

from dataclasses import dataclass

from trainyard_api.phase import Reason
from trainyard_scheduler.facts import QueueRules, Shape
from trainyard_scheduler.objects.installation import InstallationConfig
from trainyard_scheduler.objects.model import SessionSpec
from trainyard_scheduler.objects.store import ClusterState
from trainyard_scheduler.placement import could_ever_fit
from trainyard_scheduler.resources import CPU, MEMORY, gpus


@dataclass(frozen=True, slots=True)
class Admissibility:
    """The answer with its reason and a sentence for people."""

    ok: bool
    reason: Reason
    message: str


ADMISSIBLE = Admissibility(True, Reason.ACCEPTED, Reason.ACCEPTED.sentence)


class Validator:
    """Answers for many sessions. Keeps the answers until nodes or queues change."""

    def __init__(self, config: InstallationConfig) -> None:
        self._config = config
        self._answers: dict[tuple[Shape, str], Admissibility] = {}
        self._revision = -1

    def answer(self, spec: SessionSpec, state: ClusterState) -> Admissibility:
        """Whether a session of this spec can ever run.

        Returns the same object while the answer stays the same.
        """
        if state.revision != self._revision:
            new = {key: admissibility(*key, state, self._config) for key in self._answers}
            self._answers = {
                k: v if v != self._answers[k] else self._answers[k] for k, v in new.items()
            }
            self._revision = state.revision
        key = (spec.shape, spec.queue)
        found = self._answers.get(key)
        if found is None:
            found = self._answers[key] = admissibility(*key, state, self._config)
        return found


def admissibility(
    shape: Shape, queue: str, state: ClusterState, config: InstallationConfig
) -> Admissibility:
    """Whether sessions of this shape can ever run from this queue."""
    if shape.runtime not in config.runtimes:
        known = ", ".join(sorted(config.runtimes))
        message = f"There is no runtime {shape.runtime!r}; this installation has: {known}."
        return Admissibility(False, Reason.UNKNOWN_RUNTIME, message)
    rules = state.rules.get(queue)
    if rules is None:
        known = ", ".join(sorted(state.rules)) or "none"
        message = (
            f"There is no TrainingQueue {queue!r}; there are: {known}. "
            "Create it, and the session starts."
        )
        return Admissibility(False, Reason.UNKNOWN_QUEUE, message)
    return _within_limits(shape, rules) or _fits_somewhere(shape, state, config) or ADMISSIBLE


def _within_limits(shape: Shape, rules: QueueRules) -> Admissibility | None:
    limit = rules.max_gpus_per_session
    if limit is not None and shape.gpus > limit:
        message = f"It asks for {shape.gpus} GPUs; queue {rules.name!r} allows {limit} per session."
        return Admissibility(False, Reason.EXCEEDS_QUEUE_LIMIT, message)
    quota = rules.gpu_quota
    if quota is not None and not rules.borrow and shape.gpus > quota:
        message = (
            f"It asks for {shape.gpus} GPUs; queue {rules.name!r} has {quota} and may not borrow."
        )
        return Admissibility(False, Reason.EXCEEDS_QUEUE_LIMIT, message)
    return None


def _fits_somewhere(
    shape: Shape, state: ClusterState, config: InstallationConfig
) -> Admissibility | None:
    runtime = config.runtimes[shape.runtime]
    if could_ever_fit(state.nodes.values(), runtime, shape):
        return None
    nodes = [n for n in state.nodes.values() if runtime.matches(n)]
    most = max((gpus(n.allocatable) for n in nodes), default=0)
    asked = (
        f"{gpus(shape.worker)} GPUs, {shape.worker[CPU] / 1000:g} CPUs and "
        f"{shape.worker[MEMORY] / 2**30:.1f} GiB"
    )
    message = (
        f"{shape.workers} × ({asked}) will never fit: this runtime has {len(nodes)} nodes, "
        f"the largest with {most} GPUs, together {sum(gpus(n.allocatable) for n in nodes)}. "
        "Ask for less, or add nodes."
    )
    return Admissibility(False, Reason.NEVER_FITS, message)
