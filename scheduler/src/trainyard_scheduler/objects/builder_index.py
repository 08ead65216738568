"""The Jobs and pods that install packages, by the session that waits for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from trainyard_scheduler.objects.model import BuilderJob, Pod

NO_JOBS: Final[Mapping[int, BuilderJob]] = {}
NO_PODS: Final[Mapping[str, Pod]] = {}


@dataclass
class BuilderIndex:
    """What is known of them. Values are replaced, never changed."""

    jobs: dict[str, BuilderJob] = field(default_factory=dict)
    """By UID."""
    starting: set[str] = field(default_factory=set)
    """UIDs of sessions whose Job is being created and does not show in the cluster yet."""
    _unended: dict[str, str] = field(default_factory=dict)
    """Session by UID of the Job, for Jobs that have not ended."""
    _jobs_of: dict[str, dict[int, BuilderJob]] = field(default_factory=dict)
    _pods_of: dict[str, dict[str, Pod]] = field(default_factory=dict)

    @property
    def at_work(self) -> int:
        """How many installations run or are being started."""
        return len({*self._unended.values(), *self.starting})

    def jobs_for(self, session_uid: str) -> Mapping[int, BuilderJob]:
        """Jobs of a session by number."""
        return self._jobs_of.get(session_uid, NO_JOBS)

    def pods_for(self, session_uid: str) -> Mapping[str, Pod]:
        """Pods of a session's Jobs by UID."""
        return self._pods_of.get(session_uid, NO_PODS)

    def put_job(self, item: BuilderJob) -> None:
        """Add or replace a Job."""
        self.jobs[item.uid] = item
        self._jobs_of.setdefault(item.session_uid, {})[item.number] = item
        if item.finished:
            self._unended.pop(item.uid, None)
        else:
            self._unended[item.uid] = item.session_uid

    def drop_job(self, uid: str) -> BuilderJob | None:
        """Remove a Job; the Job, None if there was none."""
        job = self.jobs.pop(uid, None)
        self._unended.pop(uid, None)
        if job is not None:
            of_session = self._jobs_of[job.session_uid]
            if of_session.get(job.number) is job:
                del of_session[job.number]
            if not of_session:
                del self._jobs_of[job.session_uid]
        return job

    def put_pod(self, item: Pod) -> None:
        """Add or replace a pod."""
        self._pods_of.setdefault(item.prepares, {})[item.uid] = item

    def drop_pod(self, item: Pod) -> None:
        """Remove a pod."""
        of_session = self._pods_of.get(item.prepares, {})
        of_session.pop(item.uid, None)
        if not of_session:
            self._pods_of.pop(item.prepares, None)
