"""Bundles of code in backups: all of them, with their contents, added to what is there."""

from __future__ import annotations

import asyncio
import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from trainyard_api.code import CodeEntry, CodeManifest, bundle_name
from trainyard_gateway.backup.archive import Manifest, read_archive
from trainyard_gateway.backup.errors import BackupError
from trainyard_gateway.backup.restore import restore
from trainyard_gateway.backup.save import save
from trainyard_gateway.code.folders import CodeFolders
from trainyard_gateway.settings import Settings
from trainyard_gateway.store.sqlite import SqliteStore


def settings(data: Path) -> Settings:
    return Settings(namespace="any", data_dir=data)


async def volume(data: Path, *folders: dict[str, bytes]) -> list[str]:
    """A gateway's volume with a bundle of each folder; their names."""
    database = SqliteStore(data / "db" / "trainyard.sqlite3")
    await database.open()
    await database.close()
    return [bundle(data, files) for files in folders]


def bundle(data: Path, files: dict[str, bytes]) -> str:
    code = CodeFolders(data / "code")
    code.open()
    entries = []
    for path, content in files.items():
        sha256 = hashlib.sha256(content).hexdigest()
        entries.append(CodeEntry(path=path, sha256=sha256, size=len(content)))
        received = code.incoming / "received"
        received.write_bytes(content)
        code.keep(received, sha256, len(content))
    manifest = CodeManifest(entries=entries)
    name = bundle_name(manifest.text())
    assert code.add_bundle(name, manifest.text(), manifest.sizes())
    return name


async def taken(data: Path) -> bytes:
    stream = io.BytesIO()
    await save(settings(data), stream)
    return stream.getvalue()


async def brought_back(archive: bytes, data: Path) -> Manifest:
    return await restore(settings(data), io.BytesIO(archive))


def files(data: Path) -> dict[str, bytes]:
    found = {p.relative_to(data / "code"): p for p in (data / "code").rglob("*") if p.is_file()}
    return {str(path): p.read_bytes() for path, p in found.items()}


def hidden(data: Path) -> list[Path]:
    return list(data.glob(".*"))


A = {"train.py": b"print(1)\n", "shared.py": b"shared"}
B = {"train.py": b"print(2)\n", "shared.py": b"shared"}


async def test_all_bundles_come_back_with_each_content_once(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    names = await volume(old, A, B)

    archive = await taken(old)
    manifest = await brought_back(archive, new)

    assert files(new) == files(old)
    assert CodeFolders(new / "code").bundles().keys() == set(names)
    contents = [name for name in manifest.members if name.startswith("code/contents/")]
    assert len(contents) == 3
    assert CodeFolders(new / "code").sweep(2**40) == sum(map(len, {*A.values(), *B.values()}))
    assert files(new) == files(old), "a sweep takes nothing"


async def test_code_that_is_there_stays(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    await volume(old, A)
    there = bundle(new, B)

    await brought_back(await taken(old), new)

    assert there in CodeFolders(new / "code").bundles()
    assert files(new).items() >= files(old).items()


async def test_a_restore_that_fails_takes_away_only_what_it_added(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    await volume(old, A)
    bundle(new, B)
    before = files(new)
    archive = without(
        await taken(old), f"code/contents/{hashlib.sha256(A['train.py']).hexdigest()}"
    )

    with pytest.raises(BackupError, match="lists contents that the archive does not hold"):
        await brought_back(archive, new)

    assert files(new) == before


def without(archive: bytes, name: str) -> bytes:
    """The archive and its list without a file."""
    sink = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(archive)) as source,
        tarfile.open(fileobj=sink, mode="w") as target,
    ):
        for info in source.getmembers():
            content = source.extractfile(info)
            assert content is not None
            body = content.read()
            if info.name == "manifest.json":
                listed = Manifest.model_validate_json(body)
                members = {n: m for n, m in listed.members.items() if n != name}
                body = listed.model_copy(update={"members": members}).model_dump_json().encode()
                info.size = len(body)
            if info.name != name:
                target.addfile(info, io.BytesIO(body))
    return sink.getvalue()


async def test_a_content_that_the_volume_lost_is_named_with_its_bundles(tmp_path: Path) -> None:
    (name,) = await volume(tmp_path, A)
    sha256 = hashlib.sha256(b"shared").hexdigest()
    (tmp_path / "code" / "bundles" / name / "contents" / sha256).write_bytes(b"rotten")

    with pytest.raises(BackupError, match=rf"{sha256} has another hash.*code/bundles/{name}"):
        await taken(tmp_path)

    assert hidden(tmp_path) == []


async def test_bundles_that_come_and_go_meanwhile_are_whole_or_left_out(tmp_path: Path) -> None:
    (stays,) = await volume(tmp_path, A)
    done = asyncio.Event()

    def come_and_go(number: int) -> None:
        name = bundle(tmp_path, {"own.py": str(number).encode(), **B})
        CodeFolders(tmp_path / "code").remove_bundle(name)

    async def work() -> None:
        number = 0
        while not done.is_set():
            number += 1
            await asyncio.to_thread(come_and_go, number)

    other = asyncio.create_task(work())
    try:
        for turn in range(10):
            archive = await taken(tmp_path)
            into = tmp_path / f"read-{turn}"
            members = read_archive(io.BytesIO(archive), into).members
            assert f"code/manifests/{stays}" in members
            for listed in (into / "code" / "manifests").iterdir():
                sizes = CodeManifest.model_validate_json(listed.read_bytes()).sizes()
                assert {f"code/contents/{sha256}" for sha256 in sizes} <= members.keys()
    finally:
        done.set()
        await other


async def test_an_archive_whose_names_lie_is_refused(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    await volume(old, A)
    archive = renamed(await taken(old), hashlib.sha256(b"shared").hexdigest(), "0" * 64)

    with pytest.raises(BackupError, match="is not what its name says"):
        await brought_back(archive, new)

    assert files(new) == {}


def renamed(archive: bytes, old: str, new: str) -> bytes:
    """The archive and its list with another name of a content."""
    sink = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(archive)) as source,
        tarfile.open(fileobj=sink, mode="w") as target,
    ):
        for info in source.getmembers():
            content = source.extractfile(info)
            assert content is not None
            body = content.read()
            if info.name == "manifest.json":
                body = body.replace(f"contents/{old}".encode(), f"contents/{new}".encode())
            info.name = info.name.replace(old, new)
            target.addfile(info, io.BytesIO(body))
    return sink.getvalue()
