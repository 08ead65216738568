"""Shows that the gateway takes in reports: it renews the Lease `<release>-gateway` meanwhile.

On the Lease it publishes for the operator the limits of users, teams and keys, and what is spent.

The operator reads the steps of sessions in their statuses, where the gateway writes them. While the
Lease is not renewed, it ends no session because its step does not rise.

Several gateways of one release renew the same Lease: one that takes in reports is enough.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from trainyard_api import names, timestamps
from trainyard_gateway.store.database import Database
from trainyard_gateway.store.sql.trial_write import trial_write
from trainyard_kube import Json, KubeClient, errors, paths

LEASE_SECONDS: Final = 15
"""Without a renewal for so long the gateway counts as silent."""
RENEW_SECONDS: Final = LEASE_SECONDS / 3

_log = structlog.get_logger()


class SignOfLife:
    """Renews the Lease in the background, after each write that the database has taken."""

    def __init__(  # noqa: PLR0913  # where, who, what it publishes, and the clock
        self,
        kube: KubeClient,
        namespace: str,
        release: str,
        database: Database,
        limits: Callable[[], Awaitable[str]] | None = None,
        *,
        identity: str = "",
        now: Callable[[], float] = time.time,
    ) -> None:
        """`limits` gives what the operator reads of limits; empty leaves what is on the Lease.

        `identity` is who renews; default: the name of this host, in a pod the pod's. `now` gives
        seconds since the epoch.
        """
        self._kube, self._database, self._now = kube, database, now
        self._name, self._namespace = names.gateway_lease(release), namespace
        self._path = paths.leases(namespace, self._name)
        self._identity = identity or socket.gethostname()
        self._limits, self._published = limits, ""
        self._refused = False

    async def run(self) -> None:
        """Renew without end. Raises the database's error when it takes no writes."""
        while True:
            await self.renew()
            await asyncio.sleep(RENEW_SECONDS)

    async def renew(self) -> None:
        """Renew once. Raises the database's error when it takes no writes."""
        await self._database.write(trial_write, applied=False)
        if self._limits is not None:
            self._published = await self._limits()
        try:
            await self._renew()
        except errors.Conflict:
            # Another gateway has renewed it at the same moment.
            return
        except errors.KubeError as error:
            if not self._refused:
                _log.warning("cannot renew the gateway's Lease", error=str(error))
            self._refused = True
            return
        self._refused = False

    async def _renew(self) -> None:
        try:
            lease = await self._kube.get(self._path)
        except errors.NotFound:
            await self._kube.create(paths.leases(self._namespace), self._lease({}))
            return
        await self._kube.replace(self._path, self._lease(lease))

    def _lease(self, old: Json) -> Json:
        metadata = old.get("metadata") or {"name": self._name, "namespace": self._namespace}
        if self._published:
            kept = metadata.get("annotations") or {}
            metadata = {
                **metadata,
                "annotations": {**kept, names.ANNOTATION_LIMITS: self._published},
            }
        spec = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": LEASE_SECONDS,
            "renewTime": timestamps.to_micros_text(self._now()),
        }
        kind = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
        return {**kind, "metadata": metadata, "spec": spec}
