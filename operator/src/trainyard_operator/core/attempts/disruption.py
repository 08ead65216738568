"""Whether the cluster took a worker off its node, from the marks that Kubernetes leaves.

Kubernetes marks a pod before it sends SIGTERM. What the program then ends with says nothing: many
programs save and end with 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from trainyard_api.phase import FailureClass
from trainyard_scheduler.clocks import CLOCK_SKEW_SECONDS
from trainyard_scheduler.held_up import WAY_OUT
from trainyard_scheduler.objects.model import Job, Pod

POD_DELETED: Final = "PodDeleted"
"""Reason where a pod is being deleted, and nothing says why."""

EVICTIONS: Final = frozenset({"EvictionByEvictionAPI", "PreemptionByScheduler"})
NODE_LOSSES: Final = frozenset({"DeletionByTaintManager", "DeletionByPodGC"})
BY_KUBELET: Final = "TerminationByKubelet"
_LOST_STATES: Final = frozenset({"NodeLost", "NodeShutdown", "Shutdown", "Terminated"})
_EVICTED_STATES: Final = frozenset({"Evicted", "Preempting"})
_OWN_SHARE: Final = frozenset({BY_KUBELET, "Evicted"})
"""A node that runs short of memory or disk: the program may be the one that used it."""


@dataclass(frozen=True, slots=True)
class Disruption:
    """A worker was taken off its node, or is about to be."""

    reason: str
    """Kubernetes' word for it, such as EvictionByEvictionAPI."""
    message: str

    @property
    def counts_as_failure(self) -> bool:
        """Whether it uses a retry: a pod that used too much of its node may do so again."""
        return has_own_share(self.reason)


def has_own_share(reason: str) -> bool:
    """Whether a pod may have been taken off its node for what it used of it itself."""
    return reason in _OWN_SHARE


def reason_of(pod: Pod) -> str:
    """Why the cluster took a pod off its node; empty if nothing says that it did."""
    if pod.reason in _LOST_STATES | _EVICTED_STATES:
        return pod.reason
    return pod.disruption


def class_of(pod: Pod) -> FailureClass | None:
    """The failure class of a pod that the cluster took off its node; None for any other."""
    if pod.disruption in NODE_LOSSES or pod.reason in _LOST_STATES:
        return FailureClass.NODE_LOST
    known = pod.disruption in EVICTIONS or pod.disruption == BY_KUBELET
    return FailureClass.EVICTED if known or pod.reason in _EVICTED_STATES else None


def disruption_of(
    pods: Iterable[Pod], job: Job | None, *, deletion_counts: bool
) -> Disruption | None:
    """The disruption of an attempt, None if no pod shows one.

    `deletion_counts` is whether a pod that is being deleted is one as well: false where the
    operator or the Job itself deletes pods.
    """
    for pod in sorted(pods, key=lambda p: p.worker):
        reason, since = reason_of(pod), pod.disrupted
        if not reason and deletion_counts and pod.deleting:
            reason, since = POD_DELETED, pod.deletion
        if reason and not _ended_before(pod, job, since):
            return Disruption(reason[:128], sentence(pod, reason)[:1024])
    return None


def _ended_before(pod: Pod, job: Job | None, since: float | None) -> bool:
    """Whether the program had ended by itself before the disruption began at `since`."""
    if since is None or pod.live or pod.phase == "Failed":
        return False
    complete = job.finish_time if job is not None and job.finished == "Complete" else None
    if complete is not None and complete < since:
        return True
    return pod.ended is not None and pod.ended + CLOCK_SKEW_SECONDS < since


def sentence(pod: Pod, reason: str) -> str:
    """That the cluster took a pod off its node for this reason, and what people can do."""
    where = f" its node {pod.assigned}" if pod.assigned else " its node"
    words = f": {pod.message}" if pod.message else "."
    verb = "is being" if pod.live else "was"
    found = f"Worker {pod.worker} {verb} taken off{where} ({reason}){words}"
    if pod.live and pod.disruption in NODE_LOSSES:
        found += f" {WAY_OUT.format(pod.assigned or 'NAME')}"
    return found
