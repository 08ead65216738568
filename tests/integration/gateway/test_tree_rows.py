"""Rows of trees in both kinds of database."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from trainyard_gateway.store.registry import models
from trainyard_gateway.store.registry.models import ModelRow
from trainyard_gateway.store.schema.tables import sessions
from trainyard_gateway.store.store import Store

pytestmark = pytest.mark.integration

A, B, C = "a" * 36, "b" * 36, "c" * 36


def row(id: str, name: str, uid: str | None, sha256: str, kind: str = models.TREE) -> ModelRow:
    return ModelRow(
        id=id * 32, name=name, version=0, file=f"{id}/manifest.json", sha256=sha256 * 64, size_bytes=1,
        created="2026-01-01T00:00:00Z", session_uid=uid, kind=kind, files=2, flags="pickle", card="{}",
    )  # fmt: skip


async def test_trees_are_found_by_session_name_and_hash(database: Store) -> None:
    made = [
        row("1", "m", A, "1"), row("2", "m", A, "2"), row("3", "m", A, "1"), row("4", "n", A, "1"),
        row("5", "m", B, "1"), row("6", "m", A, "9", models.FILE),
    ]  # fmt: skip
    for one in made:
        await database.write(lambda c, r=one: models.add_next_version(c, r))  # type: ignore[misc]  # bound here

    first = await database.read(lambda c: models.find_tree(c, A, "m", "1" * 64))
    newest = await database.read(lambda c: models.trees_of_session(c, A, 10))
    file = await database.read(lambda c: models.find_by_session(c, A))

    assert first is not None
    assert (first.version, first.kind, first.files, first.flags) == (1, "tree", 2, "pickle")
    assert [(r.name, r.version, r.sha256[0]) for r in newest] == [("m", 3, "1"), ("n", 1, "1")]
    assert await database.read(lambda c: models.trees_of_session(c, A, 1)) == newest[:1]
    assert await database.read(lambda c: models.find_tree(c, C, "m", "1" * 64)) is None
    assert file is not None
    assert (file.version, file.kind) == (5, "file")


async def test_names_belong_to_sessions_of_one_name(database: Store) -> None:
    known = [
        {"uid": uid, "name": name, "created": "2026", "object": "{}", "deleted": False}
        for uid, name in ((A, "s"), (B, "s"), (C, "t"))
    ]
    await database.write(lambda c: c.execute(insert(sessions), known))
    for one in (row("1", "s.x", A, "1"), row("2", "s.y", C, "1"), row("3", "s.z", None, "1")):
        await database.write(lambda c, r=one: models.add_next_version(c, r))  # type: ignore[misc]  # bound here

    async def foreign(name: str, uid: str = B) -> bool:
        return await database.read(lambda c: models.is_of_others(c, name, uid, "s"))

    assert [await foreign(name) for name in ("s.x", "s.y", "s.z", "s.new")] == [
        False, True, True, False
    ]  # fmt: skip
    assert not await foreign("s.x", "d" * 36)
