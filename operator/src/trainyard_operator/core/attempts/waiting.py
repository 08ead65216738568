"""A worker whose program does not run yet: what is seen of it, and how it is said."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from trainyard_operator.core.attempts.surroundings import Surroundings
from trainyard_scheduler.clocks import past
from trainyard_scheduler.objects.model import BuilderJob, Job, Pod

_POD_NAME: Final = re.compile(r'^Error creating: pods "[^"]*" (is )?')
_QUOTA: Final = "exceeded quota"
_REGISTRY_TROUBLE: Final = re.compile(
    r"\b429\b|too ?many ?requests|toomanyrequests|\b50[0234]\b|i/o timeout|timed? ?out"
    r"|deadline exceeded|connection (refused|reset)|no route to host|network is unreachable"
    r"|server misbehaving|temporary failure|unexpected EOF|: EOF\b|RegistryUnavailable",
    re.IGNORECASE,
)
"""Words of a registry, or of the way to it, that is there again later."""
_NOT_SYNCED: Final = re.compile(r"timed out|failed to sync", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class WaitingWorker:
    """One worker whose program has not begun to run."""

    worker: int
    """Its index, from 0."""
    job: str
    """Name of its Job."""
    created: float
    """When its Job was created, in seconds since the epoch."""
    pod: Pod | None = None
    """None if there is none."""
    warning: str = ""
    """The newest warning about the pod, or about the Job where there is no pod."""
    warned: float | None = None
    """When the first of these warnings was seen, in seconds since the epoch."""
    trouble: str = ""
    """What is wrong with its node."""
    node_lost: bool = False
    """Its node is gone or does not answer."""
    suspended: bool = False
    """Its Job is suspended, and not by Trainyard."""

    @property
    def placed(self) -> bool:
        """Whether it has a node: only a node's kubelet says why a container waits."""
        pod = self.pod
        return pod is not None and bool(pod.assigned or pod.waiting_reason or pod.setup_reason)

    @property
    def where(self) -> str:
        """Its pod and node, for a sentence."""
        if self.pod is None:
            return f"worker {self.worker} of Job {self.job}"
        node = f" on node {self.pod.assigned}" if self.pod.assigned else ""
        return f"pod {self.pod.name}{node}"

    def is_refused(self, *, by_quota: bool) -> bool:
        """Whether Kubernetes makes no pod for it, because of a quota or for another reason."""
        return self.pod is None and bool(self.warning) and (_QUOTA in self.warning) == by_quota

    def waits_as(self, *reasons: str) -> bool:
        """Whether its container waits for one of these reasons of the kubelet."""
        return self.pod is not None and self.pod.waiting_reason in reasons

    def is_set_up_as(self, *reasons: str) -> bool:
        """Whether an init container waits for one of these reasons; any reason without any."""
        found = self.pod.setup_reason if self.pod is not None else ""
        return found in reasons if reasons else bool(found)

    @property
    def kubelets_words(self) -> str:
        """What the kubelet says of its container, with the newest warning."""
        words = [self.pod.waiting_message, self.warning] if self.pod is not None else []
        return joined(*words) or (self.pod.waiting_reason if self.pod is not None else "")

    @property
    def registry_troubled(self) -> bool:
        """Whether these words are of a registry that does not answer or has too much to do."""
        return _REGISTRY_TROUBLE.search(self.kubelets_words) is not None

    @property
    def not_synced(self) -> bool:
        """Whether the kubelet only did not get a Secret or ConfigMap in time."""
        return _NOT_SYNCED.search(self.kubelets_words) is not None

    def since(self, *, warned: bool, now: float) -> float:
        """From when its time counts: its warning, node, pod or Job, in seconds since the epoch."""
        times = [self.created]
        if self.pod is not None:
            known = (self.pod.scheduled, self.pod.unschedulable_since, self.pod.created)
            found = next((t for t in known if past(t, now) is not None), None)
            times = [found] if found is not None else times
        if warned and (first := past(self.warned, now)) is not None:
            times.append(first)
        return max(times)


def waiting_workers(
    job: Job, pods: Iterable[Pod], around: Surroundings, missing: Iterable[int]
) -> list[WaitingWorker]:
    """The workers of an attempt whose programs have not begun to run.

    `missing` are the indexes of workers that have no pod and should have one.
    """
    unstarted = (p for p in pods if p.started is None and p.outcome not in ("Succeeded", "Failed"))
    found = [waiting_worker(job, p, around) for p in unstarted]
    words, warned = around.warning(job.uid), around.warnings.began(job.uid)
    return found + [
        WaitingWorker(
            number,
            job.name,
            job.created,
            warning=words,
            warned=warned,
            suspended=job.suspended,
        )
        for number in missing
    ]


def waiting_worker(job: Job | BuilderJob, pod: Pod, around: Surroundings) -> WaitingWorker:
    """A worker from its pod."""
    return WaitingWorker(
        pod.worker,
        job.name,
        job.created,
        pod,
        warning=around.warning(pod.uid),
        warned=around.warnings.began(pod.uid),
        trouble=around.trouble(pod),
        node_lost=around.lost(pod.assigned),
    )


def refusal(warning: str) -> str:
    """What a Job's warning says, without the name of the pod, which is another one each time."""
    reason, _, message = warning.partition(": ")
    plain = _POD_NAME.sub("", message)
    return plain or reason


def joined(*words: str) -> str:
    """Different words as one text; what one of them has already is not said twice."""
    said: list[str] = []
    for text in (w.strip().rstrip(".") for w in words if w.strip()):
        if not any(text in other for other in said):
            said.append(text)
    return "; ".join(said)
