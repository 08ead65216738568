"""Leader election by a Lease: at most one operator writes.

Guarantees:

- `valid` is True only within the Lease's duration after a renewal that the API server confirmed,
  less a margin for a write under way, by the monotonic clock. A process that was stopped and
  continued finds it False.
- Another holder's Lease is taken over only after this process has seen it unchanged for its whole
  duration. So the clocks of both need not agree.
- The holder's name is the pod's. A restarted container of the same pod continues at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from trainyard_api import timestamps
from trainyard_kube import Json, KubeClient, errors, paths
from trainyard_operator.errors import SupersededError

_log = structlog.stdlib.get_logger(__name__)


class LeaderElector:
    """Acquires a Lease and holds it while it runs (client-go: leader election)."""

    def __init__(  # noqa: PLR0913  # which Lease, for whom, and the clocks
        self,
        kube: KubeClient,
        namespace: str,
        name: str,
        identity: str,
        *,
        seconds: float = 15.0,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`seconds` is the Lease's duration, `identity` the holder's name.

        `now` gives seconds since the epoch, `clock` monotonic seconds.
        """
        self._kube = kube
        self._path = paths.leases(namespace, name)
        self._collection = paths.leases(namespace)
        self._name = name
        self._namespace = namespace
        self._identity = identity
        self._seconds = seconds
        self._now = now
        self._clock = clock
        self._until = float("-inf")
        self._watched: tuple[str, float] | None = None

    @property
    def valid(self) -> bool:
        """Whether this process may write now."""
        return self._clock() < self._until

    async def hold(self, changed: Callable[[], None]) -> None:
        """Acquire the Lease and renew it; never returns.

        Calls `changed` when the Lease is acquired. Raises SupersededError when another holder has
        taken it over.
        """
        held = False
        while True:
            try:
                acquired = await self._renew()
            except errors.KubeError as error:
                _log.warning("cannot renew the Lease", error=str(error))
                acquired = self.valid
            if held and not acquired and self._watched is not None:
                raise SupersededError(f"the Lease {self._name} is held by another operator now")
            if acquired and not held:
                _log.info("holding the Lease", lease=self._name, identity=self._identity)
                held = True
                changed()
            await asyncio.sleep(self._seconds / 3 if held else min(1.0, self._seconds / 3))

    async def release(self) -> None:
        """Release the Lease, so that a successor need not wait."""
        if not self.valid:
            return
        self._until = float("-inf")
        try:
            lease = await self._kube.get(self._path)
            if lease["spec"].get("holderIdentity") == self._identity:
                lease["spec"]["holderIdentity"] = ""
                await self._kube.replace(self._path, lease)
        except errors.KubeError as error:
            _log.warning("cannot release the Lease", error=str(error))

    async def _renew(self) -> bool:
        asked = self._clock()
        try:
            lease = await self._kube.get(self._path)
        except errors.NotFound:
            lease = None
        try:
            if lease is None:
                await self._kube.create(self._collection, self._new_lease())
            elif not self._free(lease):
                return False
            else:
                await self._kube.replace(self._path, {**lease, "spec": self._spec(lease["spec"])})
        except errors.Conflict:
            return False
        self._watched = None
        self._until = asked + self._seconds * 2 / 3
        return True

    def _free(self, lease: Json) -> bool:
        """Whether this process may take the Lease.

        It may if it holds it already, if it was released, or if it was not renewed for its
        duration.
        """
        spec = lease.get("spec") or {}
        if spec.get("holderIdentity") in (None, "", self._identity):
            return True
        version = str(lease["metadata"]["resourceVersion"])
        if self._watched is None or self._watched[0] != version:
            self._watched = (version, self._clock())
            return False
        return self._clock() - self._watched[1] >= float(spec.get("leaseDurationSeconds") or 0)

    def _new_lease(self) -> Json:
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": self._spec({}),
        }

    def _spec(self, old: Json) -> Json:
        now = timestamps.to_micros_text(self._now())
        mine = old.get("holderIdentity") == self._identity
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": max(1, round(self._seconds)),
            "acquireTime": old.get("acquireTime") if mine and old.get("acquireTime") else now,
            "renewTime": now,
            "leaseTransitions": int(old.get("leaseTransitions") or 0) + (not mine),
        }
