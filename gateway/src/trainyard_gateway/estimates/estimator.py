"""Answers what would become of a session that does not exist yet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from trainyard_api.rights.decision import sees
from trainyard_api.rights.owner import Owner, User
from trainyard_api.session.spec import TrainingSessionSpec
from trainyard_gateway.estimates.estimate import Estimate, estimate
from trainyard_gateway.estimates.snapshot import SnapshotReader
from trainyard_gateway.limits.service import Starter
from trainyard_gateway.registry.datasets import Datasets
from trainyard_gateway.rights.asking import Rights
from trainyard_gateway.sessions.commands import labels_of
from trainyard_gateway.sessions.info import owned
from trainyard_gateway.sessions.request import parse, require_fit, sharing_of
from trainyard_gateway.store.access.owners import Kind
from trainyard_scheduler.objects.installation import InstallationConfig
from trainyard_scheduler.objects.load import ClusterObjects


class Estimator:
    """Answers for one namespace."""

    def __init__(
        self,
        reader: SnapshotReader,
        config: InstallationConfig,
        datasets: Datasets,
        rights: Rights,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`now` gives seconds since the epoch."""
        self.reader = reader
        """Reads what estimates are made of."""
        self._config, self._now = config, now
        self._datasets, self._rights = datasets, rights

    async def estimate(self, body: dict[str, Any], starter: Starter) -> Estimate:
        """The estimate for the session of a start request.

        Raises Unprocessable, Unavailable, and NotPermitted for a team that is not the user's, whose
        limits the answer would show. A dataset that `user` may not see counts as one that is not
        there yet.
        """
        name, spec = parse(body, None)
        user, sharing = starter.user, sharing_of(body)
        if sharing.team is not None:
            self._rights.users.require_team(sharing.team, user)
        owner = Owner(user.name, sharing.team or user.team, sharing.visibility)
        if spec.dataset is not None:
            found = await self._datasets.find(spec.dataset)
            if found is not None and await self._rights.sees(user, Kind.DATASET, spec.dataset):
                require_fit(spec, found)
        objects = await self.reader.objects()
        now = self._now()
        uid = self._source(user, spec, objects)
        return await asyncio.to_thread(
            estimate,
            objects,
            name,
            spec,
            labels_of(owner, starter.key_id),
            self._config,
            now,
            uid,
        )

    def _source(self, user: User, spec: TrainingSessionSpec, objects: ClusterObjects) -> str | None:
        """UID of the session that resumeFrom names, if `user` may see it."""
        if spec.resume_from is None:
            return None
        for body in objects.sessions:
            whose = owned(dict(body))
            if whose.name == spec.resume_from.session and sees(
                user, self._rights.of_session(whose)
            ):
                return str(body["metadata"]["uid"])
        return None
