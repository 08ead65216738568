"""Answers what would become of a session that does not exist yet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from trainyard_gateway.estimates.estimate import Estimate, estimate
from trainyard_gateway.estimates.snapshot import SnapshotReader
from trainyard_gateway.registry.datasets import Datasets
from trainyard_gateway.sessions.request import parse, require_fit
from trainyard_scheduler.objects.installation import InstallationConfig


class Estimator:
    """Answers for one namespace."""

    def __init__(
        self,
        reader: SnapshotReader,
        config: InstallationConfig,
        datasets: Datasets,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`now` gives seconds since the epoch."""
        self.reader = reader
        """Reads what estimates are made of."""
        self._config, self._now = config, now
        self._datasets = datasets

    async def estimate(self, body: dict[str, Any], user: str) -> Estimate:
        """The estimate for the session of a start request. Raises Unprocessable or Unavailable."""
        name, spec = parse(body, None)
        if spec.dataset is not None:
            found = await self._datasets.find(spec.dataset)
            if found is not None:
                require_fit(spec, found)
        objects = await self.reader.objects()
        now = self._now()
        return await asyncio.to_thread(estimate, objects, name, spec, user, self._config, now)
