"""Keeps the `ClusterState` in step with the cluster: five list-watches in, answers to our own writes besides.

Guarantees:

- An older state never replaces a newer one, whether it comes from a watch or from the answer to a write (resourceVersions
  of one cluster are ordered).
- What we wrote shows in the state as soon as its answer is there, so that no decision is made without it.
- An object that cannot be understood is counted, logged once, and otherwise left alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from trainyard_kube import (
    Applied,
    Change,
    Deleted,
    Json,
    KubeClient,
    Listed,
    ListWatch,
    Live,
    Stale,
    Synced,
    paths,
)
from trainyard_scheduler.objects import parse as observe
from trainyard_scheduler.objects.installation import InstallationConfig
from trainyard_scheduler.objects.model import Job
from trainyard_scheduler.objects.store import ClusterState

_log = structlog.stdlib.get_logger(__name__)

LINGER_SECONDS = 2.0
"""How much later than the Jobs' watch the pods' watch may show the pods of a Job that is gone."""

SILENT_SECONDS = 150.0
"""A watch that heard nothing for this long, not even a bookmark, is dead."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """How objects of one kind enter and leave the state."""

    put: Callable[[Json], None]
    drop: Callable[[str], None]
    version: Callable[[str], int | None]
    """resourceVersion of a known object by UID, None when unknown."""
    known: Callable[[], Mapping[str, int]]
    """resourceVersion by UID of all known objects."""


def _call_later(seconds: float, what: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_later(seconds, what)


class Informer:
    """The state and where it comes from."""

    def __init__(
        self,
        kube: KubeClient,
        config: InstallationConfig,
        changed: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        later: Callable[[float, Callable[[], None]], object] = _call_later,
    ) -> None:
        self.state = ClusterState()
        self.unparsable: dict[str, int] = {}
        """Version of each object that made no sense, by UID."""
        self.config = config
        self._later = later
        self._changed = changed
        self._clock = clock
        self._node_uids: dict[str, str] = {}
        namespace = config.namespace
        places = {
            "sessions": paths.sessions(namespace),
            "queues": paths.queues(namespace),
            "jobs": paths.jobs(namespace),
            "pods": paths.pods(),
            "nodes": paths.nodes(),
        }
        self.watches = {
            kind: ListWatch(kube, place, by_page=True, clock=clock)
            for kind, place in places.items()
        }
        self.kinds = {
            "sessions": _Kind(
                self._put_session, self.state.drop_session, self._session_version, self._sessions
            ),
            "queues": _kind(self._put_queue, self.state.drop_queue, self.state.queues),
            "jobs": _kind(self._put_job, self._drop_job, self.state.jobs),
            "pods": _kind(self._put_pod, self.state.drop_pod, self.state.pods),
            "nodes": _Kind(self._put_node, self._drop_node, self._node_version, self._nodes),
        }
        self._passed = dict.fromkeys(self.kinds, 0)
        self._synced: set[str] = set()
        self._stale: set[str] = set()

    @property
    def synced(self) -> bool:
        """Whether every kind was listed at least once."""
        return len(self._synced) == len(self.kinds)

    @property
    def stale(self) -> bool:
        """Whether the API server cannot be reached."""
        return bool(self._stale)

    def silent(self) -> list[str]:
        """Kinds whose watch neither hears nor reports anything: dead without knowing it."""
        now = self._clock()
        return [
            kind
            for kind, watch in self.watches.items()
            if kind not in self._stale
            and watch.last_contact is not None
            and now - watch.last_contact > SILENT_SECONDS
        ]

    def ages(self) -> dict[str, float]:
        """Seconds since each watch heard something."""
        now = self._clock()
        return {
            kind: now - watch.last_contact
            for kind, watch in self.watches.items()
            if watch.last_contact is not None
        }

    async def follow(self, kind: str) -> None:
        """Apply the changes of one kind, without end."""
        async for change in self.watches[kind]:
            self._change(kind, change)
            self._changed()

    def absorb(self, kind: str, raw: Json) -> None:
        """The answer to a write: an object as it is now."""
        uid, version = raw["metadata"]["uid"], int(raw["metadata"]["resourceVersion"])
        known = self.kinds[kind].version(uid)
        # Unknown, although the watch is past it: it was deleted meanwhile.
        if known is None and version <= self._passed[kind]:
            return
        self._apply(kind, raw)

    def vanished(self, kind: str, uid: str) -> None:
        """The answer to a write: the object is gone."""
        self.kinds[kind].drop(uid)

    def _change(self, kind: str, change: Change) -> None:
        match change:
            case Listed(objects):
                for raw in objects:
                    self._apply(kind, raw)
            case Synced(_, version, uids):
                self._stale.discard(kind)
                self._drop_others(kind, uids, version)
                self._synced.add(kind)
            case Applied(raw):
                self._pass(kind, raw)
                self._apply(kind, raw)
            case Deleted(raw):
                self._pass(kind, raw)
                self.kinds[kind].drop(raw["metadata"]["uid"])
            case Stale(reason):
                self._stale.add(kind)
                _log.warning("the API server does not answer", watch=kind, reason=reason)
            case Live():
                self._stale.discard(kind)
                _log.info("the API server answers again", watch=kind)

    def _drop_others(self, kind: str, listed: frozenset[str], version: int) -> None:
        """A list is complete: what is not in it is gone, unless it was made later."""
        self._passed[kind] = max(self._passed[kind], version)
        known = self.kinds[kind].known()
        for uid in [u for u, v in known.items() if u not in listed and v <= version]:
            self.kinds[kind].drop(uid)

    def _pass(self, kind: str, raw: Json) -> None:
        self._passed[kind] = max(self._passed[kind], int(raw["metadata"]["resourceVersion"]))

    def _apply(self, kind: str, raw: Json) -> None:
        uid, version = raw["metadata"]["uid"], int(raw["metadata"]["resourceVersion"])
        known = self.kinds[kind].version(uid)
        # The same version comes twice, as the answer to our write and from the watch.
        if known is not None and known >= version:
            return
        try:
            self.kinds[kind].put(raw)
            self.unparsable.pop(uid, None)
        except observe.UnparsableObject as error:
            if uid not in self.unparsable:
                _log.warning("cannot understand an object", watch=kind, error=str(error))
            self.unparsable[uid] = version

    def _put_session(self, raw: Json) -> None:
        uid = raw["metadata"]["uid"]
        before = self.state.sessions.get(uid)
        self.state.put_session(observe.session(raw, self.config, before))

    def _session_version(self, uid: str) -> int | None:
        item = self.state.sessions.get(uid) or self.state.invalid_sessions.get(uid)
        return item.version if item else None

    def _sessions(self) -> Mapping[str, int]:
        return _versions(self.state.sessions.values()) | _versions(
            self.state.invalid_sessions.values()
        )

    def _put_queue(self, raw: Json) -> None:
        self.state.put_queue(observe.queue(raw))

    def _put_job(self, raw: Json) -> None:
        job = observe.job(raw, self.config)
        if job is not None:
            self.state.put_job(job)

    def _drop_job(self, uid: str) -> None:
        """Forget a Job; one whose pods have not all shown up yet only when they had the time to."""
        job = self.state.jobs.get(uid)
        if job is None or job.finished or not self._has_unseen_pods(job):
            self.state.drop_job(uid)
            return
        self.state.put_job(replace(job, deleting=True))
        self._later(LINGER_SECONDS, lambda: self._forget_job(uid))

    def _forget_job(self, uid: str) -> None:
        self.state.drop_job(uid)
        self._changed()

    def _has_unseen_pods(self, job: Job) -> bool:
        seen = [p for p in self.state.pods_for(job.session_uid).values() if p.job_uid == job.uid]
        return len(seen) < job.workers

    def _put_pod(self, raw: Json) -> None:
        self.state.put_pod(observe.pod(raw, self.config))

    def _put_node(self, raw: Json) -> None:
        self._node_uids[raw["metadata"]["uid"]] = raw["metadata"]["name"]
        self.state.put_node(observe.node(raw, self.config))

    def _drop_node(self, uid: str) -> None:
        name = self._node_uids.pop(uid, None)
        # A node made again under the same name may be known already.
        if name is not None and name not in self._node_uids.values():
            self.state.drop_node(name)

    def _node_version(self, uid: str) -> int | None:
        name = self._node_uids.get(uid)
        node = self.state.nodes.get(name) if name else None
        return node.version if node else None

    def _nodes(self) -> Mapping[str, int]:
        return {
            u: self.state.nodes[n].version
            for u, n in self._node_uids.items()
            if n in self.state.nodes
        }


def _kind(
    put: Callable[[Json], None], drop: Callable[[str], None], items: Mapping[str, Any]
) -> _Kind:
    def version(uid: str) -> int | None:
        item = items.get(uid)
        return item.version if item else None

    return _Kind(put, drop, version, lambda: _versions(items.values()))


def _versions(items: Collection[Any]) -> dict[str, int]:
    return {item.uid: item.version for item in items}
