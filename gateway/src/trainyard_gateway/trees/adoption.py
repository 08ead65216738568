"""Registers the trees that sessions staged, each as the next version of a model.

Guarantees:

- The same (session, name, tree) is one version, however often and at once it is reported.
- A version is there when its contents are whole, have their hashes and are durable; not before.
- A copy that has begun is finished although its caller is gone; the next report joins it.
- A crash leaves an incomplete or unknown folder at most, which the next start removes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

from anyio import CapacityLimiter, to_thread
from pydantic import ValidationError

from trainyard_api import contract
from trainyard_api.code import CodeManifest, bundle_name, problem
from trainyard_api.report import TreeReport
from trainyard_gateway.errors import BadRequest, NotPermitted, TooManyRequests, of_volume
from trainyard_gateway.files.file_store import FileStore, remove_anything
from trainyard_gateway.registry.model_origin import ModelOrigin
from trainyard_gateway.registry.naming import check_name
from trainyard_gateway.registry.quota import Quota
from trainyard_gateway.rights.asking import require_next_version
from trainyard_gateway.store.database import Connection, Database
from trainyard_gateway.store.registry import models
from trainyard_gateway.store.registry.models import ModelRow
from trainyard_gateway.trees import rights
from trainyard_gateway.trees.copying import TreeCopy, advance
from trainyard_gateway.trees.registering import register, row_of
from trainyard_gateway.trees.staged import StagedTrees

MOST_OF_SESSION = 4
"""Trees of one session that are registered at a time; more get 429."""
_AT_ONCE = 2
"""Trees that are copied at a time; the manifest of one may take 100 MiB of memory."""
_RETRY_SECONDS = 5.0

Key = tuple[str, str, str]


class TreeAdoption:
    """Takes trees from the folders of sessions."""

    def __init__(
        self, store: FileStore, staged: StagedTrees, database: Database, quota: Quota
    ) -> None:
        self._store, self._staged = store, staged
        self._database, self._quota = database, quota
        self._under_way: dict[Key, asyncio.Task[ModelRow]] = {}
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._threads = CapacityLimiter(_AT_ONCE)

    async def adopt(self, report: TreeReport, origin: ModelOrigin) -> ModelRow:
        """Register a tree; the same report again gives the same version.

        Raises BadRequest, NotPermitted, TooLarge, OutOfSpace and TooManyRequests.
        """
        check_name("model", report.name)
        await self._require_name(report.name, origin)
        key = (report.session_uid, report.name, report.tree)
        known = await self._database.read(lambda c: models.find_tree(c, *key), applied=False)
        if known is not None:
            return known
        return await asyncio.shield(self._task(key, report, origin))

    async def close(self) -> None:
        """Stop copying; what is incomplete is removed."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _task(self, key: Key, report: TreeReport, origin: ModelOrigin) -> asyncio.Task[ModelRow]:
        found = self._under_way.get(key)
        if found is not None:
            return found
        if sum(uid == report.session_uid for uid, _, _ in self._under_way) >= MOST_OF_SESSION:
            raise TooManyRequests(
                f"{MOST_OF_SESSION} trees of this session are being registered; send this again",
                _RETRY_SECONDS,
            )
        task = asyncio.ensure_future(self._adopt(report, origin))
        self._under_way[key] = task
        task.add_done_callback(lambda done: self._ended(key, done))
        return task

    def _ended(self, key: Key, task: asyncio.Task[ModelRow]) -> None:
        self._under_way.pop(key, None)
        if not task.cancelled():
            # Also where the caller is gone, who would have heard of it.
            task.exception()

    async def _require_name(self, name: str, origin: ModelOrigin) -> None:
        session = origin.session
        await self._database.read(
            lambda c: require_next_version(c, origin.user, name), applied=False
        )
        if rights.is_declared(session.spec, session.name, name):
            return
        if not rights.is_below(session.name, name):
            raise NotPermitted(rights.refusal(session.name, name, others=False))
        if await self._database.read(lambda c: _is_foreign(c, name, origin), applied=False):
            raise NotPermitted(rights.refusal(session.name, name, others=True))

    async def _adopt(self, report: TreeReport, origin: ModelOrigin) -> ModelRow:
        async with self._turns:
            await self._quota.admit(self._database, report.size_bytes)
            self._store.require(report.size_bytes)
            manifest = await to_thread.run_sync(self._manifest, report, limiter=self._threads)
            made = await asyncio.to_thread(self._store.new_folder)
            try:
                copy = TreeCopy(
                    manifest,
                    made,
                    lambda path: self._staged.file(report.session_uid, report.tree, path),
                    self._store.require,
                )
                await self._carry_out(copy.steps())
                return await self._register(report, origin, copy, manifest, made)
            except OSError as error:
                raise of_volume(error) or error from error
            finally:
                await asyncio.to_thread(remove_anything, made)

    async def _carry_out(self, steps: Iterator[None]) -> None:
        # A thread that works is waited for: it writes to the folder.
        while await to_thread.run_sync(advance, steps, limiter=self._threads):
            pass

    def _manifest(self, report: TreeReport) -> CodeManifest:
        return checked(self._staged.manifest(report.session_uid, report.tree), report)

    async def _register(
        self,
        report: TreeReport,
        origin: ModelOrigin,
        copy: TreeCopy,
        manifest: CodeManifest,
        made: Path,
    ) -> ModelRow:
        card = {**origin.stated_in({}), "name": report.name}
        row = row_of(report.name, copy, manifest, report.session_uid, card)
        # If another gateway has registered the same meanwhile, that one is the version.
        return await register(
            self._store,
            self._database,
            made,
            row,
            lambda c, row: _add_within_quota(c, row, origin, self._quota),
        )


def checked(text: bytes, report: TreeReport) -> CodeManifest:
    """The manifest of a reported tree. Raises BadRequest. Pure."""
    if bundle_name(text) != report.tree:
        raise BadRequest("the manifest has another hash than the tree that was reported")
    try:
        manifest = CodeManifest.model_validate_json(text)
    except ValidationError as error:
        raise BadRequest(f"the manifest is not valid: {error.errors()[0]['msg']}") from error
    if len(manifest.entries) > contract.MAX_TREE_ENTRIES:
        raise BadRequest(
            f"the tree has {len(manifest.entries)} files, links and empty folders, and "
            f"{contract.MAX_TREE_ENTRIES} are accepted"
        )
    if (sentence := problem(manifest)) is not None:
        raise BadRequest(f"the manifest is not valid: {sentence}")
    if manifest.text() != text:
        raise BadRequest("the manifest is not in its canonical form")
    if (len(manifest.files), manifest.size_bytes) != (report.files, report.size_bytes):
        raise BadRequest(
            f"the tree has {len(manifest.files)} files of {manifest.size_bytes} bytes, not "
            f"{report.files} of {report.size_bytes} as reported"
        )
    return manifest


def _is_foreign(connection: Connection, name: str, origin: ModelOrigin) -> bool:
    session = origin.session
    return models.is_of_others(connection, name, session.uid, session.name)


def _add_within_quota(
    connection: Connection, row: ModelRow, origin: ModelOrigin, quota: Quota
) -> ModelRow:
    """Insert as the next version, unless the session has registered the same tree.

    Raises NotPermitted, TooLarge and OutOfSpace.
    """
    known = models.find_tree(connection, str(row.session_uid), row.name, row.sha256)
    if known is not None:
        return known
    session = origin.session
    declared = rights.is_declared(session.spec, session.name, row.name)
    if not declared and _is_foreign(connection, row.name, origin):
        raise NotPermitted(rights.refusal(session.name, row.name, others=True))
    require_next_version(connection, origin.user, row.name)
    quota.check(connection, row.size_bytes)
    return models.add_next_version(connection, row)
