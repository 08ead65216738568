"""Whether a session can ever run on this installation: runtime, queue, limits, size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from trainyard_api.phase import Reason
from trainyard_scheduler.facts import Node, QueueRules, Runtime, Shape
from trainyard_scheduler.objects.installation import InstallationConfig
from trainyard_scheduler.objects.model import SessionSpec
from trainyard_scheduler.objects.store import ClusterState
from trainyard_scheduler.placement import could_ever_fit, when_up
from trainyard_scheduler.resources import CPU, FIRST_GPU, MEMORY, ResourceVector, gpus

MOST_NAMED: Final = 3
"""Taints and labels that are named; the others are counted."""


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
    resource = config.gpu_resources[runtime.gpu_kind]
    message = _why_never(state.nodes.values(), runtime, shape, resource)
    return Admissibility(False, Reason.NEVER_FITS, message)


def _why_never(nodes: Iterable[Node], runtime: Runtime, shape: Shape, gpu_resource: str) -> str:
    """Why the workers would not fit even into an empty cluster.

    `gpu_resource` is what nodes call the GPUs of the runtime.
    """
    up = [when_up(node) for node in nodes]
    usable = [node for node in up if runtime.matches(node)]
    found = (
        f"{shape.workers} × ({_amounts(shape.worker)}) will never fit: of {_count(len(up), 'node')}"
        f" runtime {runtime.name!r} may use {len(usable)}"
    )
    found += _sizes(usable, shape, FIRST_GPU + runtime.gpu_kind, gpu_resource)
    excluded = _excluded([node for node in up if node not in usable], runtime)
    more = f" {excluded}" if excluded else ""
    return f"{found}.{more} Ask for less, or add nodes."[:1024]


def _sizes(nodes: list[Node], shape: Shape, kind: int, gpu_resource: str) -> str:
    if not nodes:
        return ""
    if shape.worker[kind] and not any(node.allocatable[kind] for node in nodes):
        return f", and none of them offers {gpu_resource} (is its device plugin there?)"
    largest = max(nodes, key=lambda node: (gpus(node.allocatable), node.allocatable[CPU]))
    together = sum(gpus(node.allocatable) for node in nodes)
    return (
        f"; the largest, {largest.name}, has {_amounts(largest.allocatable)}, and all together have"
        f" {_count(together, 'GPU')}"
    )


def _excluded(nodes: list[Node], runtime: Runtime) -> str:
    """Which labels and taints keep the runtime off how many nodes, and what can be changed."""
    labels: Counter[str] = Counter()
    taints: Counter[str] = Counter()
    for node in nodes:
        if runtime.selects(node):
            taints.update(str(taint) for taint in runtime.repelled(node))
        else:
            labels.update(f"{k}={v}" for k, v in runtime.node_selector - node.labels)
    words = [f"{_count(n, 'node')} without the label {name}" for name, n in _first(labels)]
    words += [f"{_count(n, 'node')} with the taint {name}" for name, n in _first(taints)]
    if not words:
        return ""
    ways = [f"runtimes.{runtime.name}.nodeSelector"] if labels else []
    ways += [f"runtimes.{runtime.name}.tolerations"] if taints else []
    return (
        f"Left out: {', '.join(words)}. If it is to run there, an administrator changes"
        f" {' and '.join(ways)}."
    )


def _first(counted: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:MOST_NAMED]


def _amounts(vector: ResourceVector) -> str:
    return (
        f"{_count(gpus(vector), 'GPU')}, {_count(vector[CPU] / 1000, 'CPU')} and"
        f" {vector[MEMORY] / 2**30:.1f} GiB"
    )


def _count(number: float, what: str) -> str:
    return f"{number:g} {what}{'' if number == 1 else 's'}"
