"""Watches the Lease that the gateway renews while it takes in reports, with limits on it.

Only changes of the Lease count, and when this process saw them, by its monotonic clock. So no clock
of another machine matters, and none that is set meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

import structlog

from trainyard_api import names
from trainyard_api.limits.published import PublishedLimits, read_limits
from trainyard_kube import Json, KubeClient, errors, paths
from trainyard_operator.core.attempts.gateway_life import (
    LOOK_SECONDS,
    GatewayLife,
    pause_of,
)

_log = structlog.stdlib.get_logger(__name__)


class GatewayWatch:
    """Looks at the gateway's Lease again and again.

    If the API server does not answer, no renewal is seen. If there is no such Lease, or this
    operator may not read it, nothing is known of the gateway's life.
    """

    def __init__(
        self,
        kube: KubeClient,
        namespace: str,
        release: str,
        *,
        on_limits: Callable[[PublishedLimits], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_limits` gets what the gateway publishes; `clock` gives monotonic seconds."""
        self._on_limits = on_limits
        self._limits = ""
        self.looked = False
        """Whether the Lease was read once, or is not there to be read."""
        self._kube = kube
        self._path = paths.leases(namespace, names.gateway_lease(release))
        self._clock = clock
        self._life: GatewayLife | None = GatewayLife(clock())
        self._renewal: tuple[str, str] | None = None
        self._trouble = ""

    def life(self, now: float) -> GatewayLife | None:
        """What was seen, with times in seconds since the epoch by the clock that says `now`."""
        return None if self._life is None else self._life.shifted(now - self._clock())

    async def follow(self) -> None:
        """Look without end."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Look once."""
        try:
            lease = await self._kube.get(self._path)
            self._read_limits(lease)
            self._see(lease)
            self._troubled("")
        except errors.NotFound:
            self._life = self._renewal = None
            self._troubled("")
        except errors.Forbidden as error:
            self._life = self._renewal = None
            self._troubled(str(error))
        except errors.KubeError as error:
            self._troubled(str(error))
            return
        self.looked = True

    def _read_limits(self, lease: Json) -> None:
        """Pass on what the gateway publishes. What it published last stays while it is away."""
        metadata = lease.get("metadata")
        given = metadata.get("annotations") if isinstance(metadata, Mapping) else None
        annotations: Mapping[str, object] = given if isinstance(given, Mapping) else {}
        text = annotations.get(names.ANNOTATION_LIMITS)
        if not isinstance(text, str) or text == self._limits:
            return
        self._limits = text
        try:
            self._on_limits(read_limits(text))
        except ValueError as error:
            _log.warning("cannot read the limits on the gateway's Lease", error=str(error)[:500])

    def _see(self, lease: Json) -> None:
        given = lease.get("spec")
        spec: Mapping[str, object] = given if isinstance(given, Mapping) else {}
        renewal = str(spec.get("holderIdentity")), str(spec.get("renewTime"))
        now, pause = self._clock(), pause_of(spec.get("leaseDurationSeconds"))
        if self._life is None:
            # There was none a moment ago, so a gateway has just made it.
            self._life = GatewayLife(now, pause=pause).seen(now)
        elif self._renewal is None:
            self._life = GatewayLife(self._life.watched, pause=pause)
        elif renewal != self._renewal:
            self._life = self._life.seen(now)
        self._renewal = renewal

    def _troubled(self, trouble: str) -> None:
        if trouble and not self._trouble:
            _log.warning("cannot read the gateway's Lease", error=trouble)
        self._trouble = trouble
