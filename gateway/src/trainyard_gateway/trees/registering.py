"""Puts a complete folder into the registry: its place, then its row.

Guarantees:

- A version is there when its contents are whole and durable; not before.
- If its row is refused or there already, nothing of the folder is left.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from trainyard_api import timestamps
from trainyard_api.code import CodeManifest, bundle_name
from trainyard_gateway.files.file_store import FileStore
from trainyard_gateway.store.database import Connection, Database
from trainyard_gateway.store.registry import models
from trainyard_gateway.store.registry.models import ModelRow
from trainyard_gateway.trees import layout
from trainyard_gateway.trees.copying import TreeCopy
from trainyard_gateway.trees.pickles import PICKLE


def row_of(
    name: str, copy: TreeCopy, manifest: CodeManifest, session_uid: str | None, card: dict[str, Any]
) -> ModelRow:
    """The row of a tree that was copied, as the next version of a model."""
    identity = uuid.uuid4().hex
    return ModelRow(
        id=identity,
        name=name,
        version=0,  # set when it is inserted
        file=layout.manifest_of(identity),
        sha256=bundle_name(manifest.text()),
        size_bytes=manifest.size_bytes,
        created=timestamps.now_text(),
        session_uid=session_uid,
        kind=models.TREE,
        files=len(manifest.files),
        flags=PICKLE if copy.has_pickles else "",
        card=orjson.dumps(card).decode(),
    )


async def register(
    store: FileStore,
    database: Database,
    made: Path,
    row: ModelRow,
    add: Callable[[Connection, ModelRow], ModelRow],
) -> ModelRow:
    """Move the folder `made` to its place and insert its row by `add`; the row that is there then.

    `add` may return another row, of the same content; then the folder is removed. Raises what it
    raises.
    """
    try:
        await asyncio.to_thread(store.keep_folder, made, row.id)
        added = await database.write(lambda c: add(c, row))
    except BaseException:
        if row.id not in await database.read(models.ids, applied=False):
            store.remove(row.id)
        raise
    if added.id != row.id:
        store.remove(row.id)
    return added
