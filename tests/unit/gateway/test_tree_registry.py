"""Trees of the registry: what becomes of folders, quotas, crashes, backups, and what lies outside."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import shutil
import struct
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_volume import fill_up, small_volume
from staged_trees import StagedTree, manifest_of, stage
from tree_lab import UID, Session, TreeLab, tree_lab

from trainyard_api import contract
from trainyard_api.report import TreeReport
from trainyard_api.rights.owner import Owner, User, Visibility
from trainyard_gateway.backup.errors import BackupError
from trainyard_gateway.backup.restore import restore
from trainyard_gateway.backup.save import save
from trainyard_gateway.errors import BadRequest, NotPermitted, OutOfSpace, TooLarge
from trainyard_gateway.registry.models import Uploader
from trainyard_gateway.registry.quota import Quota
from trainyard_gateway.settings import Settings
from trainyard_gateway.store.access import owners
from trainyard_gateway.store.access.owners import Kind
from trainyard_gateway.trees import rights
from trainyard_gateway.trees.recovery import parsed
from trainyard_gateway.trees.staged import UNFINISHED_SECONDS, PendingReport, StagedTrees
from trainyard_gateway.trees.stored import Entry, StoredTree, StoredTrees

B = "22222222-2222-4222-8222-222222222222"
FILES = {"a.txt": b"1", "d/b.txt": b"22", "d/same": b"1", "m.pkl": b"\x80\x04K\x01."}


async def test_each_content_is_there_once_and_pickles_lie_apart(tmp_path: Path) -> None:
    async with tree_lab(tmp_path) as lab:
        row = await lab.adopt(stage(lab.run(), FILES))
        folder = lab.store.root / row.id

        assert [p.name for p in sorted(folder.iterdir())] == [
            "contents", "manifest.json", "pickles"
        ]  # fmt: skip
        assert len(list((folder / "contents").iterdir())) == 2
        assert len(list((folder / "pickles").iterdir())) == 1
        tree = StoredTrees(lab.store.root).read(row)
        for path, content in FILES.items():
            entry = tree.find(path)
            assert entry is not None
            assert tree.content(entry).read_bytes() == content
            assert tree.content(entry).stat().st_nlink == 1
        assert lab.incoming() == []


def bad(tree: StagedTree) -> None:
    (tree.folder / "files" / "d" / "b.txt").write_bytes(b"xx")


async def test_a_refusal_leaves_nothing(tmp_path: Path) -> None:
    async with tree_lab(tmp_path) as lab:
        tree = stage(lab.run(), FILES)
        bad(tree)

        with pytest.raises(BadRequest, match=r"d/b.txt.*another hash"):
            await lab.adopt(tree)

        assert (lab.folders(), lab.incoming()) == ([], [])


async def test_quotas_hold_before_and_at_the_registration(tmp_path: Path) -> None:
    async with tree_lab(tmp_path, Quota("model", most_bytes=10)) as lab:
        with pytest.raises(TooLarge, match="modelsMaxBytes"):
            await lab.adopt(stage(lab.run(), {"a": b"x" * 11}))
        await lab.adopt(stage(lab.run(), {"a": b"x" * 6}))
        with pytest.raises(OutOfSpace, match="delete some first"):
            await lab.adopt(stage(lab.run(), {"a": b"y" * 6}))
        trees = [stage(lab.run(), {"a": b"%d" % n, "b": b"zz"}) for n in range(4)]
        found = await asyncio.gather(*(lab.adopt(t) for t in trees), return_exceptions=True)

        assert sum(isinstance(each, OutOfSpace) for each in found) == 3
        assert len(lab.folders()) == 2
        assert lab.incoming() == []


async def test_the_reserve_stays_free(tmp_path: Path) -> None:
    async with tree_lab(tmp_path, reserve=shutil.disk_usage(tmp_path).total) as lab:
        with pytest.raises(OutOfSpace):
            await lab.adopt(stage(lab.run(), FILES))

        assert (lab.folders(), lab.incoming()) == ([], [])


async def test_a_full_volume_leaves_no_half_version_and_takes_the_tree_later(
    tmp_path: Path,
) -> None:
    with small_volume(tmp_path / "models", 1 << 20) as volume:
        async with tree_lab(tmp_path) as lab:
            large = stage(lab.run(), {"a": os.urandom(2 << 20)})
            # No bytes are asked for; the list of the files has no room.
            empty = stage(lab.run(), {f"d/{n}": b"" for n in range(100)})
            ballast = fill_up(volume)
            for tree in (large, empty):
                with pytest.raises(OutOfSpace):
                    await lab.adopt(tree)
            left = (lab.folders(), lab.incoming())
            ballast.unlink()
            row = await lab.adopt(empty)

            assert left == (["ballast"], [])
            assert (row.version, lab.folders()) == (1, [row.id])


async def test_holes_of_sparse_files_take_no_space(tmp_path: Path) -> None:
    """16 MiB in which 2 bytes are not zero."""
    content = b"a" + b"\0" * ((16 << 20) - 2) + b"b"
    async with tree_lab(tmp_path) as lab:
        row = await lab.adopt(stage(lab.run(), {"sparse": content, "zeros": b"\0" * (3 << 20)}))
        found = list((lab.store.root / row.id / "contents").iterdir())

        assert {f.name: f.read_bytes() == content for f in found} == {
            hashlib.sha256(content).hexdigest(): True,
            hashlib.sha256(b"\0" * (3 << 20)).hexdigest(): False,
        }
        assert sorted(f.stat().st_size for f in found) == [3 << 20, 16 << 20]
        assert sum(f.stat().st_blocks * 512 for f in found) < 3 << 20


async def test_a_caller_that_goes_away_does_not_stop_the_copy(tmp_path: Path) -> None:
    async with tree_lab(tmp_path) as lab:
        tree = stage(lab.run(), {str(n): b"%d" % n for n in range(50)})
        caller = asyncio.ensure_future(lab.adopt(tree))
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller

        assert (await lab.adopt(tree)).version == 1
        assert len(lab.folders()) == 1


async def test_a_start_removes_what_a_crash_left(tmp_path: Path) -> None:
    async with tree_lab(tmp_path) as lab:
        row = await lab.adopt(stage(lab.run(), FILES))
        half = lab.store.new_folder()
        (half / "contents").mkdir()
        (half / "contents" / "0").write_bytes(b"x")
        unknown = lab.store.new_folder()
        lab.store.keep_folder(unknown, "f" * 32)

        orphans = lab.store.clean({row.id}, 0)

        assert orphans == ["f" * 32]
        assert (lab.folders(), lab.incoming()) == ([row.id], [])
        assert [p.name for p in (lab.store.root / ".lost").iterdir()] == ["f" * 32]


@pytest.mark.parametrize(
    ("spec", "name", "declared", "below"),
    [
        pytest.param({}, "s", True, False, id="its own name"),
        pytest.param({"outputModel": "m"}, "m", True, False, id="its model"),
        pytest.param({"outputModel": "m"}, "s", False, False, id="not both"),
        pytest.param({"outputs": [{"path": "o", "name": "x"}]}, "x", True, False, id="declared"),
        pytest.param({"outputs": None}, "x", False, False, id="no outputs"),
        pytest.param({}, "s.x", False, True, id="below its name"),
        pytest.param({}, "s-x", False, False, id="another session could have that name"),
        pytest.param({}, "sx.y", False, False, id="begins alike"),
        pytest.param({}, "", False, False, id="no name"),
    ],
)
def test_names_of_a_session(
    spec: dict[str, object], name: str, declared: bool, below: bool
) -> None:
    assert rights.is_declared(spec, "s", name) is declared
    assert rights.is_below("s", name) is below


async def test_a_name_below_is_taken_by_the_first_session_of_another_name(tmp_path: Path) -> None:
    async with tree_lab(tmp_path) as lab:
        other = Session("t", B, {"outputs": [{"path": "o", "name": "s.x"}]})
        await lab.adopt(stage(lab.run(B), FILES), "s.x", other)

        with pytest.raises(NotPermitted, match="of another session"):
            await lab.adopt(stage(lab.run(), FILES), "s.x")
        assert (await lab.adopt(stage(lab.run(), FILES), "s.y")).version == 1


@pytest.mark.parametrize(
    ("session", "name"),
    [
        pytest.param(Session(), "s", id="its own name"),
        pytest.param(Session(spec={"outputs": [{"path": "o", "name": "x"}]}), "x", id="declared"),
    ],
)
async def test_no_session_adds_a_version_to_a_model_of_another_team(
    tmp_path: Path, session: Session, name: str
) -> None:
    async with tree_lab(tmp_path) as lab:
        theirs = {name: Owner("bob", "robots", Visibility.ALL)}
        await lab.database.write(lambda c: owners.save(c, Kind.MODEL, theirs))
        with pytest.raises(NotPermitted, match="belongs to user 'bob' of the team 'robots'"):
            await lab.adopt(stage(lab.run(), FILES), name, session)

        await lab.database.write(lambda c: owners.remove(c, Kind.MODEL, name))
        await lab.database.write(lambda c: owners.save(c, Kind.MODEL, {name: Owner("ada")}))
        assert (await lab.adopt(stage(lab.run(), FILES), name, session)).version == 1


async def test_a_model_that_another_team_makes_during_an_upload_stays_theirs(
    tmp_path: Path,
) -> None:
    content = struct.pack("<Q", 2) + b"{}"

    async def chunks(lab: TreeLab) -> AsyncIterator[bytes]:
        yield content[:4]
        await lab.database.write(
            lambda c: owners.save(c, Kind.MODEL, {"m": Owner("bob", "robots")})
        )
        yield content[4:]

    async with tree_lab(tmp_path) as lab:
        ada = Uploader(User("ada"), Owner("ada"))
        with pytest.raises(NotPermitted, match="the name of the model 'm' is taken"):
            await lab.models.upload("m", chunks(lab), len(content), ada)
        assert lab.folders() == []


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"sessionUid": B}, id="of another session"),
        pytest.param({"tree": "0" * 64}, id="of another tree"),
        pytest.param({"name": "other"}, id="of another name"),
        pytest.param({"files": -1}, id="not valid"),
    ],
)
def test_what_is_no_report_of_it(tmp_path: Path, changes: dict[str, object]) -> None:
    tree = stage(tmp_path, FILES)
    pending = PendingReport(tree.tree, "report-s.json")
    whole = TreeReport.model_validate(tree.report(UID, "s"))
    body = TreeReport.model_validate(tree.report(UID, "s")).model_copy().wire() | changes

    assert parsed(json.dumps(whole.wire()).encode(), UID, pending) == whole
    assert parsed(json.dumps(body).encode(), UID, pending) is None
    assert parsed(None, UID, pending) is None


def test_pending_reports_are_found_and_removed_with_their_tree(tmp_path: Path) -> None:
    run = tmp_path / UID
    tree, other = stage(run, FILES), stage(run, {"a": b"2"})
    for name in ("s", "s.x"):
        tree.leave_report(UID, name)
    staged = StagedTrees(tmp_path)

    found = staged.pending(UID)

    assert [(p.tree, p.file) for p in found] == [
        (tree.tree, "report-s.json"), (tree.tree, "report-s.x.json")
    ]  # fmt: skip
    staged.remove_report(UID, found[0])
    assert tree.folder.is_dir()
    staged.remove_report(UID, found[1])
    staged.remove_report(UID, found[1])
    assert not tree.folder.exists()
    assert other.folder.is_dir()
    assert staged.pending(UID) == []
    assert staged.pending(B) == []


def test_links_lead_nowhere(tmp_path: Path) -> None:
    outside = stage(tmp_path / "outside", FILES)
    outside.leave_report(UID, "s")
    runs = tmp_path / "runs"
    place = runs / UID / contract.ARTIFACTS
    place.mkdir(parents=True)
    (place / outside.tree).symlink_to(outside.folder)
    (runs / B).mkdir()
    (runs / B / ".trainyard").symlink_to(tmp_path / "outside" / ".trainyard")
    staged = StagedTrees(runs)

    assert staged.pending(UID) == staged.pending(B) == []
    with pytest.raises(BadRequest):
        staged.manifest(UID, outside.tree)
    with pytest.raises(BadRequest):
        staged.file(UID, outside.tree, "a.txt")
    staged.remove_report(UID, PendingReport(outside.tree, "report-s.json"))
    assert staged.remove_abandoned(UID, time.time() + 2 * UNFINISHED_SECONDS)
    staged.remove_abandoned(B, time.time() + 2 * UNFINISHED_SECONDS)
    assert sorted(p.name for p in outside.folder.iterdir()) == [
        "files", "manifest.json", "report-s.json"
    ]  # fmt: skip
    assert list(place.iterdir()) == []


def test_what_is_abandoned_is_removed_after_an_hour(tmp_path: Path) -> None:
    run = tmp_path / UID
    half, pending = stage(run, FILES), stage(run, {"a": b"2"})
    pending.leave_report(UID, "s")
    (half.folder.parent / ".part-1").mkdir()
    (half.folder.parent / "pipe").touch()
    os.mkfifo(half.folder.parent / "other")
    staged = StagedTrees(tmp_path)

    assert not staged.remove_abandoned(UID)
    assert half.folder.is_dir()
    assert not staged.remove_abandoned(UID, time.time() + 2 * UNFINISHED_SECONDS)
    assert list(half.folder.parent.iterdir()) == [pending.folder]


def large_manifest(tree: StagedTree) -> None:
    with (tree.folder / contract.TREE_MANIFEST).open("ab") as file:
        file.truncate(contract.MAX_TREE_MANIFEST_BYTES + 1)


async def test_a_manifest_is_bounded(tmp_path: Path) -> None:
    async with tree_lab(tmp_path) as lab:
        tree = stage(lab.run(), FILES)
        large_manifest(tree)

        with pytest.raises(BadRequest, match="are accepted"):
            await lab.adopt(tree)


async def saved(data: Path) -> bytes:
    stream = io.BytesIO()
    await save(Settings(namespace="any", data_dir=data), stream)
    return stream.getvalue()


async def fill(lab: TreeLab) -> str:
    return (await lab.adopt(stage(lab.run(), FILES))).id


async def test_trees_are_in_the_backup_and_come_back(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    async with tree_lab(old) as lab:
        id = await fill(lab)
    (old / "datasets").mkdir(exist_ok=True)

    archive = await saved(old)
    manifest = await restore(Settings(namespace="any", data_dir=new), io.BytesIO(archive))

    def content(data: Path) -> dict[str, bytes]:
        folder = data / "models" / id
        return {
            str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()
        }

    assert content(new) == content(old)
    assert len(content(new)) == 4
    assert {f"models/{id}/{name}" for name in content(old)} < set(manifest.members)
    async with tree_lab(new) as lab:
        row = await lab.models.row("s")
        tree = StoredTrees(lab.store.root).read(row)
        assert {e.path for e in tree.entries} == set(FILES)


async def test_a_backup_notices_a_tree_that_is_damaged(tmp_path: Path) -> None:
    async with tree_lab(tmp_path) as lab:
        id = await fill(lab)
    (changed, *_) = (tmp_path / "models" / id / "contents").iterdir()
    changed.write_bytes(b"changed")
    with pytest.raises(BackupError, match="another hash"):
        await saved(tmp_path)

    changed.unlink()
    with pytest.raises(BackupError, match="not on the volume"):
        await saved(tmp_path)

    (tmp_path / "models" / id / "manifest.json").write_bytes(b"{")
    with pytest.raises(BackupError, match="is damaged"):
        await saved(tmp_path)


PART = st.text("ab.-é \U0001f600", min_size=1, max_size=3).filter(lambda p: p not in (".", ".."))
PATH = st.lists(PART, min_size=1, max_size=4).map("/".join)


@given(st.sets(PATH, min_size=1, max_size=20), PATH, st.integers(1, 4))
def test_pages_and_places_of_any_paths(paths: set[str], asked: str, most: int) -> None:
    manifest = manifest_of({path: path.encode() for path in paths})
    listed = json.loads(manifest.text())["entries"]
    tree = StoredTree(Path(), [Entry(e["path"], e["sha256"]) for e in listed], frozenset())

    def pages(folder: str) -> list[str]:
        seen: list[str] = []
        start = 0
        while found := list(tree.below(folder, start))[:most]:
            seen += [entry.path for _, entry in found]
            start = found[-1][0] + 1
        return seen

    assert pages("") == sorted(paths)
    assert pages(asked) == sorted(p for p in paths if p.startswith(f"{asked}/"))
    assert tree.is_folder(asked) is any(p.startswith(f"{asked}/") for p in paths)
    for path in {*paths, asked}:
        found = tree.find(path)
        assert (found is not None and found.path == path) is (path in paths)


async def test_few_entries_stay_in_memory(tmp_path: Path) -> None:
    async with tree_lab(tmp_path) as lab:
        rows = [await lab.adopt(stage(lab.run(), {"a": b"%d" % n, "b": b""})) for n in range(3)]
        stored = StoredTrees(lab.store.root, most=4)

        first = stored.read(rows[0])
        assert stored.read(rows[0]) is first
        for row in rows:
            stored.read(row)
        assert stored.read(rows[2]) is stored.read(rows[2])
        assert stored.read(rows[0]) is not first
