"""Keeps the `ClusterState` in step with the cluster.

Objects come from seven list-watches and from the answers to this program's writes.

Guarantees:

- An older version of an object never replaces a newer one, wherever it comes from: the
  resourceVersions of one cluster are ordered.
- What this program wrote shows in the state as soon as the answer is there, so that no decision is
  made without it.
- An object that cannot be parsed is counted, logged once, and otherwise skipped.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from trainyard_api import names
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
from trainyard_operator.core.config import OperatorConfig
from trainyard_operator.core.lingering import Lingering
from trainyard_scheduler.objects import parse
from trainyard_scheduler.objects.store import ClusterState

_log = structlog.stdlib.get_logger(__name__)

SILENT_SECONDS = 150.0
"""A watch that received no event for this long, not even a bookmark, is dead."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """How objects of one kind are put into the state and dropped from it."""

    put: Callable[[Json], None]
    drop: Callable[[str], None]
    version: Callable[[str], int | None]
    """resourceVersion of an object by UID, None if it is not known."""
    known: Callable[[], Mapping[str, int]]
    """resourceVersion by UID of all known objects."""


def _call_later(seconds: float, what: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_later(seconds, what)


class Informer:
    """The state, and the list-watches that it comes from (client-go: informer)."""

    def __init__(
        self,
        kube: KubeClient,
        config: OperatorConfig,
        changed: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        later: Callable[[float, Callable[[], None]], object] = _call_later,
    ) -> None:
        self.state = ClusterState()
        self.unparsable: dict[str, int] = {}
        """resourceVersion of each object that cannot be parsed, by UID."""
        self.config = config
        self._installation = config.installation
        self._lingering = Lingering(self.state, later, changed)
        self._changed = changed
        self._clock = clock
        self._node_uids: dict[str, str] = {}
        self.state.secrets = {}
        self.watches = _watches(kube, config.namespace, clock)
        self.kinds = {
            "sessions": _Kind(
                self._put_session, self.state.drop_session, self._session_version, self._sessions
            ),
            "queues": _kind(self._put_queue, self.state.drop_queue, self.state.queues),
            "jobs": _Kind(self._put_job, self._drop_job, self._job_version, self._jobs),
            "pods": _kind(self._put_pod, self.state.drop_pod, self.state.pods),
            "secrets": _Kind(
                self._put_secret, self.state.drop_secret, self._secret_version, self._secrets
            ),
            "warnings": _kind(
                self._put_warning, self.state.drop_warning, self.state.warnings.events
            ),
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
        """Kinds whose watch has received nothing for `SILENT_SECONDS`, not even an error."""
        now = self._clock()
        return [
            kind
            for kind, watch in self.watches.items()
            if kind not in self._stale
            and watch.last_contact is not None
            and now - watch.last_contact > SILENT_SECONDS
        ]

    def ages(self) -> dict[str, float]:
        """Seconds since each watch last received something, by kind."""
        now = self._clock()
        return {
            kind: now - watch.last_contact
            for kind, watch in self.watches.items()
            if watch.last_contact is not None
        }

    async def follow(self, kind: str) -> None:
        """Apply the changes of one kind. Never returns."""
        async for change in self.watches[kind]:
            self._change(kind, change)
            self._changed()

    def absorb(self, kind: str, raw: Json) -> None:
        """Apply the answer to a write: the object as it is now."""
        uid, version = raw["metadata"]["uid"], int(raw["metadata"]["resourceVersion"])
        known = self.kinds[kind].version(uid)
        # The watch is past this version and does not know the object: it was deleted meanwhile.
        if known is None and version <= self._passed[kind]:
            return
        self._apply(kind, raw)

    def remove(self, kind: str, uid: str) -> None:
        """Apply the answer to a delete: the object is gone."""
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
                self._deleted(kind, raw)
            case Stale(reason):
                self._stale.add(kind)
                _log.warning("the API server does not answer", watch=kind, reason=reason)
            case Live():
                self._stale.discard(kind)
                _log.info("the API server answers again", watch=kind)

    def _deleted(self, kind: str, raw: Json) -> None:
        if kind == "pods":
            with suppress(parse.UnparsableObject):
                self._lingering.drop_pod(parse.pod(raw, self._installation))
                return
        self.kinds[kind].drop(raw["metadata"]["uid"])

    def _drop_others(self, kind: str, listed: frozenset[str], version: int) -> None:
        """A list is complete: an object that is not in it is gone, unless it was created later."""
        self._passed[kind] = max(self._passed[kind], version)
        known = self.kinds[kind].known()
        for uid in [u for u, v in known.items() if u not in listed and v <= version]:
            self.kinds[kind].drop(uid)

    def _pass(self, kind: str, raw: Json) -> None:
        self._passed[kind] = max(self._passed[kind], int(raw["metadata"]["resourceVersion"]))

    def _apply(self, kind: str, raw: Json) -> None:
        uid, version = raw["metadata"]["uid"], int(raw["metadata"]["resourceVersion"])
        known = self.kinds[kind].version(uid)
        # The same version comes twice: as the answer to our write, and from the watch.
        if known is not None and known >= version:
            return
        try:
            self.kinds[kind].put(raw)
            self.unparsable.pop(uid, None)
        except parse.UnparsableObject as error:
            if uid not in self.unparsable:
                _log.warning("cannot parse an object", watch=kind, error=str(error))
            self.unparsable[uid] = version

    def _put_session(self, raw: Json) -> None:
        uid = raw["metadata"]["uid"]
        if parse.is_orphaning(raw):
            # Its Jobs are to run on without it (kubectl delete --cascade=orphan).
            self.state.drop_session(uid)
            return
        before = self.state.sessions.get(uid)
        self.state.put_session(parse.session(raw, self._installation, before))

    def _session_version(self, uid: str) -> int | None:
        item = self.state.sessions.get(uid) or self.state.invalid_sessions.get(uid)
        return item.version if item else None

    def _sessions(self) -> Mapping[str, int]:
        return _versions(self.state.sessions.values()) | _versions(
            self.state.invalid_sessions.values()
        )

    def _put_queue(self, raw: Json) -> None:
        self.state.put_queue(parse.queue(raw))

    def _put_job(self, raw: Json) -> None:
        job, builder = parse.job(raw, self._installation), parse.builder(raw)
        if job is not None:
            self.state.put_job(job)
        else:
            self._disown(raw["metadata"]["uid"])
        if builder is not None:
            self.state.put_builder(builder)

    def _disown(self, uid: str) -> None:
        """Forget a Job that lost its owner, once that is gone: its session may be seen later."""
        known = self.state.jobs.get(uid)
        if known is not None and known.session_uid not in self.state.sessions:
            self.state.drop_job(uid)

    def _job_version(self, uid: str) -> int | None:
        item = self.state.jobs.get(uid) or self.state.builders.jobs.get(uid)
        return item.version if item else None

    def _jobs(self) -> Mapping[str, int]:
        return _versions([*self.state.jobs.values(), *self.state.builders.jobs.values()])

    def _drop_job(self, uid: str) -> None:
        self.state.drop_builder(uid)
        self._lingering.drop_job(uid)

    def _put_pod(self, raw: Json) -> None:
        self.state.put_pod(parse.pod(raw, self._installation))

    def _put_secret(self, raw: Json) -> None:
        self.state.put_secret(parse.secret(raw))

    def _secret_version(self, uid: str) -> int | None:
        item = (self.state.secrets or {}).get(uid)
        return item.version if item else None

    def _secrets(self) -> Mapping[str, int]:
        return _versions((self.state.secrets or {}).values())

    def _put_warning(self, raw: Json) -> None:
        if (found := parse.warning(raw)) is not None:
            self.state.put_warning(found)

    def _put_node(self, raw: Json) -> None:
        self._node_uids[raw["metadata"]["uid"]] = raw["metadata"]["name"]
        self.state.put_node(parse.node(raw, self._installation))

    def _drop_node(self, uid: str) -> None:
        name = self._node_uids.pop(uid, None)
        # A node created again under the same name may be known already.
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


def _watches(kube: KubeClient, namespace: str, clock: Callable[[], float]) -> dict[str, ListWatch]:
    """One watch for each kind.

    Of Secrets it asks for the metadata of released ones only, of Events for warnings only.
    """
    found = {
        kind: ListWatch(kube, path, by_page=True, clock=clock)
        for kind, path in _paths(namespace).items()
    }
    found["secrets"] = ListWatch(
        kube,
        paths.secrets(namespace),
        label_selector=f"{names.LABEL_RELEASED}=true",
        by_page=True,
        metadata_only=True,
        clock=clock,
    )
    found["warnings"] = ListWatch(
        kube, paths.events(namespace), field_selector="type=Warning", by_page=True, clock=clock
    )
    return found


def _paths(namespace: str) -> dict[str, str]:
    """The collection of each kind."""
    return {
        "sessions": paths.sessions(namespace),
        "queues": paths.queues(namespace),
        "jobs": paths.jobs(namespace),
        "pods": paths.pods(),
        "nodes": paths.nodes(),
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
