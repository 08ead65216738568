"""Removes bundles that no session names, and contents of no bundle.

Guarantees:

- A bundle stays while a session in the cluster names it.
- Time counts from when a bundle was last sent, or last seen to be named.
- While the cluster does not answer, no bundle is removed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping

import structlog

from trainyard_gateway.code.bundles import CodeBundles, bundle_of
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.sessions.sweeps import DAY, sweep_again_and_again

UNFINISHED_SECONDS = DAY
"""How long contents wait for their bundle."""

_log = structlog.get_logger()


def removable(
    bundles: Mapping[str, float], named: Collection[str], before: float
) -> frozenset[str]:
    """The bundles to remove: last used before `before`, and named by no session. Pure."""
    return frozenset(name for name, used in bundles.items() if used < before and name not in named)


class CodeRetention:
    """Looks through the bundles in the background."""

    def __init__(self, code: CodeBundles, cache: SessionCache, days: float | None) -> None:
        """`days`: how long a bundle stays that no session names; None keeps all."""
        self._code, self._cache, self._days = code, cache, days

    async def run(self) -> None:
        """Sweep again and again, first when the cluster's sessions are known."""
        seconds = UNFINISHED_SECONDS if self._days is None else self._days * DAY
        await sweep_again_and_again(
            self.sweep, self._cache, min(seconds, UNFINISHED_SECONDS), "bundles of code"
        )

    async def sweep(self) -> None:
        """Once. Raises OSError."""
        folders, now = self._code.folders, time.time()
        found = await asyncio.to_thread(folders.bundles)
        if self._days is not None and self._cache.stale is None:
            named = {bundle_of(body["spec"]) for body in self._cache.live()} - {None}
            gone = removable(found, {str(n) for n in named}, now - self._days * DAY)
            for bundle in found.keys() & named:
                await asyncio.to_thread(folders.has_bundle, str(bundle))
            for bundle in gone:
                await asyncio.to_thread(folders.remove_bundle, bundle)
            if gone:
                _log.info("removed bundles of code that no session names", bundles=len(gone))
        left = await asyncio.to_thread(folders.sweep, now - UNFINISHED_SECONDS)
        self._code.kept_bytes = left
