"""The trees of the registry: registered, listed, sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from trainyard_api.report import TreeReceipt, TreeReport
from trainyard_gateway.errors import NotFound
from trainyard_gateway.files.file_store import FileStore
from trainyard_gateway.registry.model_origin import ModelOrigin
from trainyard_gateway.registry.models import Models
from trainyard_gateway.registry.quota import Quota
from trainyard_gateway.run_files.sending import ArchiveSlots
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.store.store import Store
from trainyard_gateway.trees.adoption import TreeAdoption
from trainyard_gateway.trees.reading import TreeReading
from trainyard_gateway.trees.staged import StagedTrees
from trainyard_gateway.trees.stored import StoredTrees


@dataclass(frozen=True, slots=True)
class TreePlaces:
    """Where trees come from and where they go."""

    store: FileStore
    """The folder of models."""
    runs: Path
    database: Store
    quota: Quota


class Trees:
    """The trees of this gateway."""

    def __init__(
        self,
        places: TreePlaces,
        models: Models,
        cache: SessionCache,
        slots: ArchiveSlots,
        on_registered: Callable[[str], None],
    ) -> None:
        """`slots`: shared with others who send archives.

        `on_registered`: called with the UID of a session that has registered something.
        """
        staged = StagedTrees(places.runs)
        self._adoption = TreeAdoption(places.store, staged, places.database, places.quota)
        self._cache, self._on_registered = cache, on_registered
        self.reading = TreeReading(models, StoredTrees(places.store.root), slots)

    async def adopt(self, report: TreeReport) -> TreeReceipt:
        """Register a tree that a session staged. Raises Problem."""
        session = await self._cache.find(report.session_uid)
        if session.uid != report.session_uid:
            raise NotFound(f"there is no session with the UID {report.session_uid!r}")
        origin = ModelOrigin(session, report.attempt, user=self._cache.user_of(session))
        row = await self._adoption.adopt(report, origin)
        self._on_registered(report.session_uid)
        return TreeReceipt(name=row.name, version=row.version, tree=row.sha256)

    async def close(self) -> None:
        """Stop what is being registered."""
        await self._adoption.close()
