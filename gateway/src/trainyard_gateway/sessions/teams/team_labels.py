"""Gives each session without the label of a team that of its user, so that one place says it.

A session by `kubectl` comes without the label, since Kubernetes knows no teams. Until it has one it
belongs to the first team of its user, as it does afterwards; when the user's teams change later, it
stays with its team, like every other session.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from trainyard_api import names
from trainyard_gateway.rights.asking import Rights
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.sessions.info import owned
from trainyard_kube import Json, KubeClient, errors, paths

RETRY_SECONDS: Final = 5.0
PAUSE_SECONDS: Final = 0.02
"""Between two sessions: an installation of before has many without the label."""
REFUSED: Final = (400, 403, 422)
"""Answers of a cluster that refuses the label, such as those of its admission webhooks."""

_log = structlog.get_logger()


class TeamLabels:
    """Sets the label in the background."""

    def __init__(
        self, kube: KubeClient, namespace: str, cache: SessionCache, rights: Rights
    ) -> None:
        self._kube, self._namespace = kube, namespace
        self._cache, self._rights = cache, rights
        self._due: dict[str, None] = {}
        self._refused: set[str] = set()
        """Sessions whose label this cluster refused: not tried again until the gateway restarts."""
        self._wake = asyncio.Event()

    def notify(self, uid: str) -> None:
        """A session has changed."""
        body = self._cache.get(uid)
        if body is None:
            self._refused.discard(uid)
        elif uid not in self._refused and self._team(body):
            self._due[uid] = None
            self._wake.set()

    async def run(self) -> None:
        """Label without end."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._due:
                uid = next(iter(self._due))
                del self._due[uid]
                try:
                    await self._label(uid)
                    await asyncio.sleep(PAUSE_SECONDS)
                except errors.KubeError as error:
                    # Another one is next.
                    self._due[uid] = None
                    _log.warning("cannot label a session with its team", error=str(error)[:200])
                    await asyncio.sleep(RETRY_SECONDS)

    async def _label(self, uid: str) -> None:
        body = self._cache.get(uid)
        team = self._team(body) if body is not None else ""
        if body is not None and team:
            path = paths.sessions(self._namespace, body["metadata"]["name"])
            patch = {"metadata": {"uid": uid, "labels": {names.LABEL_TEAM: team}}}
            try:
                await self._kube.merge_patch(path, patch, names.GATEWAY_FIELD_MANAGER)
            except (errors.NotFound, errors.Conflict) as error:
                # It is gone or another one, or changed and comes again.
                _log.info("a session keeps no label of a team", error=str(error)[:200])
            except errors.ApiError as error:
                if error.status not in REFUSED:
                    raise
                self._refused.add(uid)
                _log.warning("a session gets no label of its team", error=str(error)[:200])

    def _team(self, body: Json) -> str:
        """The team to set; empty if it has one, or its user is in none."""
        whose = owned(body)
        return self._rights.of_session(whose).team if whose.team is None else ""
