"""Deleted Jobs and pods that are kept for a moment, because other watches may lag behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from trainyard_scheduler.objects.model import Job, Pod
from trainyard_scheduler.objects.store import ClusterState

LINGER_SECONDS: Final = 2.0
"""How long a deleted object is kept: the watch of pods may lag behind the watch of Jobs."""


class Lingering:
    """Drops objects from the state, those that still matter a moment later."""

    def __init__(
        self,
        state: ClusterState,
        later: Callable[[float, Callable[[], None]], object],
        changed: Callable[[], None],
    ) -> None:
        self._state = state
        self._later = later
        self._changed = changed

    def drop_job(self, uid: str) -> None:
        """Drop a Job.

        If not all its pods have shown up yet, it is kept: they may still hold resources.
        """
        job = self._state.jobs.get(uid)
        if job is None or job.finished or not self._has_unseen_pods(job):
            self._state.drop_job(uid)
            return
        self._state.put_job(replace(job, deleting=True))
        self._after(lambda: self._state.drop_job(uid))

    def drop_pod(self, pod: Pod) -> None:
        """Drop a pod; `pod` is its last state.

        If that says how it ended, it is kept as an ended one. The mark that its node is lost often
        comes together with its deletion.
        """
        if not pod.session_uid or not (pod.disruption or pod.exit_code is not None):
            self._state.drop_pod(pod.uid)
            return
        lives = pod.outcome not in ("Succeeded", "Failed")
        self._state.put_pod(replace(pod, phase="Failed" if lives else pod.outcome, node=None))
        self._after(lambda: self._state.drop_pod(pod.uid))

    def _after(self, drop: Callable[[], None]) -> None:
        def dropped() -> None:
            drop()
            self._changed()

        self._later(LINGER_SECONDS, dropped)

    def _has_unseen_pods(self, job: Job) -> bool:
        seen = [p for p in self._state.pods_for(job.session_uid).values() if p.job_uid == job.uid]
        return len(seen) < job.workers
