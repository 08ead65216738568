"""Backup and restore without a running gateway: what an archive must be, and what is refused."""

from __future__ import annotations

import asyncio
import hashlib
import io
import math
import os
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from trainyard_gateway.backup.archive import Manifest, read_archive
from trainyard_gateway.backup.errors import BackupError
from trainyard_gateway.backup.restore import restore
from trainyard_gateway.backup.save import STALE_SECONDS, save
from trainyard_gateway.files.file_store import make_folder
from trainyard_gateway.settings import Settings
from trainyard_gateway.store.schema import tables
from trainyard_gateway.store.sqlite import SqliteStore

BODY = b"a,b\n1,2\n"
IDENTITY = "0" * 32
WHEN = "2026-01-01T00:00:00.000000Z"
POINTS = [(1, 0.5), (2, None), (3, math.inf), (4, -math.inf), (5, 1e-320), (2**53 + 1, 0.1)]
LINE = 'Grüße, "quotes"\nand \u2028 lines'


def settings(data: Path) -> Settings:
    return Settings(namespace="any", data_dir=data)


async def fill(data: Path) -> None:
    """A gateway's folder with a dataset, points and a line."""
    make_folder(data / "datasets" / IDENTITY)
    (data / "datasets" / IDENTITY / "ä.csv").write_bytes(BODY)
    database = SqliteStore(data / "db" / "trainyard.sqlite3")
    await database.open()
    dataset = {
        "id": IDENTITY, "name": "digits", "file": f"{IDENTITY}/ä.csv", "format": "csv",
        "sha256": hashlib.sha256(BODY).hexdigest(), "size_bytes": len(BODY), "created": WHEN,
        "details": "{}",
    }  # fmt: skip
    series = {
        "id": 7, "session_uid": "u", "name": "loss", "total": 5, "max_step": 5, "last_attempt": 1,
        "last_step": 5, "last_time": 0,
    }  # fmt: skip
    log = {
        "id": 9, "session_uid": "u", "attempt": 1, "rank": 0, "time": 1, "level": "info",
        "message": LINE,
    }  # fmt: skip
    upload = {
        "id": "1" * 32, "kind": "dataset", "name": "later", "filename": "a.csv", "size_bytes": 9,
        "part_bytes": 9, "created": WHEN,
    }  # fmt: skip
    rows: list[tuple[Any, Any]] = [
        (tables.datasets, dataset),
        (tables.series, series),
        (tables.logs, log),
        (tables.uploads, upload),
    ]
    for table, row in rows:
        await database.write(lambda c, t=table, r=row: c.execute(insert(t).values(r)))  # type: ignore[misc]  # bound here
    for step, value in POINTS:
        point = {"series_id": 7, "step": step, "attempt": 1, "time": step, "value": value}
        await database.write(lambda c, p=point: c.execute(insert(tables.metrics).values(p)))  # type: ignore[misc]  # bound here
    await database.close()


async def content(data: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All rows by table."""
    database = SqliteStore(data / "db" / "trainyard.sqlite3")
    found = {}
    for table in tables.metadata.sorted_tables:
        rows = await database.read(lambda c, t=table: c.execute(select(t)).all())  # type: ignore[misc]  # bound here
        found[table.name] = [tuple(row) for row in rows]
    await database.close()
    return found


async def taken(data: Path) -> bytes:
    stream = io.BytesIO()
    await save(settings(data), stream)
    return stream.getvalue()


async def brought_back(archive: bytes, data: Path) -> Manifest:
    return await restore(settings(data), io.BytesIO(archive))


def files(data: Path) -> list[Path]:
    return [p for p in data.rglob("*") if p.is_file() and "db" not in p.parts]


def hidden(data: Path) -> list[Path]:
    return list(data.glob(".*"))


async def test_everything_comes_back_but_uploads_under_way(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    await fill(old)
    before = await content(old)

    manifest = await brought_back(await taken(old), new)

    after = await content(new)
    assert before.pop("uploads")
    assert after.pop("uploads") == []
    assert after == before
    file = new / "datasets" / IDENTITY / "ä.csv"
    assert file.read_bytes() == BODY
    assert file.stat().st_mode & 0o777 == 0o640
    assert file.parent.stat().st_mode & 0o7777 == 0o2770
    assert f"datasets/{IDENTITY}/ä.csv" in manifest.members
    assert hidden(old) == hidden(new) == []


async def test_numbers_of_rows_go_on_where_they_were(tmp_path: Path) -> None:
    await fill(tmp_path / "old")
    await brought_back(await taken(tmp_path / "old"), tmp_path / "new")
    with sqlite3.connect(tmp_path / "new" / "db" / "trainyard.sqlite3") as database:
        line = "INSERT INTO logs (session_uid, attempt, rank, time, level, message) VALUES ('u', 1, 0, 1, 'info', '')"
        assert database.execute(line).lastrowid == 10
    database.close()


def cut(archive: bytes) -> bytes:
    return archive[: len(archive) // 2]


def without_end(archive: bytes) -> bytes:
    """All files but the manifest, and a proper end."""
    sink = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(archive)) as source,
        tarfile.open(fileobj=sink, mode="w") as target,
    ):
        for info in source.getmembers()[:-1]:
            target.addfile(info, source.extractfile(info))
    return sink.getvalue()


def changed(archive: bytes) -> bytes:
    assert archive.count(BODY) == 1
    return archive.replace(BODY, BODY[::-1])


def foreign(name: str, kind: bytes = tarfile.REGTYPE) -> Callable[[bytes], bytes]:
    def make(_: bytes) -> bytes:
        sink = io.BytesIO()
        with tarfile.open(fileobj=sink, mode="w") as target:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            target.addfile(info, io.BytesIO())
        return sink.getvalue()

    return make


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        pytest.param(cut, "cut off", id="cut off in the middle"),
        pytest.param(without_end, "has no manifest.json", id="cut off between files"),
        pytest.param(changed, "the archive was changed", id="a byte changed"),
        pytest.param(lambda _: b"", "no backup", id="empty"),
        pytest.param(lambda _: b"PK\3\4" * 512, "no backup", id="another kind of file"),
        pytest.param(foreign("../../up"), "not of a backup", id="a path upwards"),
        pytest.param(foreign("datasets/../../up"), "not of a backup", id="a path upwards inside"),
        pytest.param(foreign("/etc/cron.d/x"), "not of a backup", id="an absolute path"),
        pytest.param(foreign("datasets/x", tarfile.SYMTYPE), "is no file", id="a link"),
    ],
)
async def test_archives_that_are_refused_leave_nothing(
    harm: Callable[[bytes], bytes], says: str, tmp_path: Path
) -> None:
    await fill(tmp_path / "old")
    archive = harm(await taken(tmp_path / "old"))

    with pytest.raises(BackupError, match=says):
        read_archive(io.BytesIO(archive), None)
    with pytest.raises(BackupError, match=says):
        await brought_back(archive, tmp_path / "new")
    assert files(tmp_path / "new") == []
    assert not (tmp_path / "up").exists()
    assert not any((await content(tmp_path / "new")).values())


async def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    await fill(old)
    archive = await taken(old)
    with pytest.raises(BackupError, match="datasets is not empty"):
        await brought_back(archive, old)

    make_folder(new / "datasets" / ".incoming")
    await brought_back(archive, new)
    before = await content(new)
    (new / "datasets" / IDENTITY).rename(tmp_path / "aside")
    with pytest.raises(BackupError, match="the database is not empty"):
        await brought_back(archive, new)
    assert await content(new) == before
    assert files(new) == []


async def test_a_table_that_cannot_be_read_takes_the_files_away_again(tmp_path: Path) -> None:
    await fill(tmp_path / "old")
    with sqlite3.connect(tmp_path / "old" / "db" / "trainyard.sqlite3") as database:
        # A row that is there twice, as a table without its key would take it.
        database.execute("CREATE TABLE without_key AS SELECT * FROM series")
        database.execute("DROP TABLE series")
        database.execute("ALTER TABLE without_key RENAME TO series")
        database.execute("INSERT INTO series SELECT * FROM series")
    database.close()
    archive = await taken(tmp_path / "old")

    with pytest.raises(BackupError, match="the restore failed"):
        await brought_back(archive, tmp_path / "new")
    assert files(tmp_path / "new") == []
    assert not any((await content(tmp_path / "new")).values())


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        pytest.param(Path.unlink, "not on the volume", id="gone"),
        pytest.param(lambda p: p.write_bytes(BODY[::-1]), "another hash", id="rotten"),
    ],
)
async def test_a_registered_file_that_the_volume_lost_is_named(
    harm: Callable[[Path], object], says: str, tmp_path: Path
) -> None:
    await fill(tmp_path)
    harm(tmp_path / "datasets" / IDENTITY / "ä.csv")

    with pytest.raises(BackupError, match=f"{IDENTITY}/ä.csv.*{says}"):
        await taken(tmp_path)
    assert hidden(tmp_path) == []


async def test_no_database_is_made_where_none_is(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="there is no database at"):
        await taken(tmp_path)
    assert files(tmp_path) == []


async def test_a_database_of_another_version_is_named(tmp_path: Path) -> None:
    await fill(tmp_path)
    with sqlite3.connect(tmp_path / "db" / "trainyard.sqlite3") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()

    with pytest.raises(BackupError, match="revision 9999"):
        await taken(tmp_path)


async def test_what_a_killed_backup_left_is_removed_after_a_day(tmp_path: Path) -> None:
    await fill(tmp_path)
    old, young = tmp_path / ".backup-old", tmp_path / ".backup-young"
    for folder in (old, young):
        (folder / "tables").mkdir(parents=True)
    past = young.stat().st_mtime - STALE_SECONDS - 1
    os.utime(old, (past, past))

    await taken(tmp_path)

    assert not old.exists()
    assert young.exists()


async def test_a_file_that_is_deleted_meanwhile_makes_it_look_again(tmp_path: Path) -> None:
    """Somebody deletes datasets (the row, then the file, as the gateway does) while backups are taken."""
    await fill(tmp_path)
    done = asyncio.Event()

    async def come_and_go() -> None:
        database = SqliteStore(tmp_path / "db" / "trainyard.sqlite3")
        await database.open()
        row = (await database.read(lambda c: c.execute(select(tables.datasets)).one()))._asdict()
        number = 0
        while not done.is_set():
            number += 1
            identity = f"{number:032x}"
            make_folder(tmp_path / "datasets" / identity)
            path = tmp_path / "datasets" / identity / "a.csv"
            path.write_bytes(BODY)
            mine = {**row, "id": identity, "name": identity, "file": f"{identity}/a.csv"}
            await database.write(lambda c, m=mine: c.execute(insert(tables.datasets).values(m)))  # type: ignore[misc]  # bound here
            chosen = tables.datasets.c.id == identity
            await database.write(lambda c, w=chosen: c.execute(tables.datasets.delete().where(w)))  # type: ignore[misc]  # bound here
            path.unlink()
        await database.close()

    other = asyncio.create_task(come_and_go())
    try:
        for _ in range(10):
            held = read_archive(io.BytesIO(await taken(tmp_path)), None).members
            assert any(name.endswith("ä.csv") for name in held), "the file that stays"
    finally:
        done.set()
        await other


def test_what_is_refused_is_taken_all_the_same(tmp_path: Path) -> None:
    """`kubectl exec --stdin` hangs until the command has taken everything."""
    (tmp_path / "datasets" / "there").mkdir(parents=True)
    command = [
        sys.executable,
        "-m",
        "trainyard_gateway.backup",
        "restore",
        f"--data-dir={tmp_path}",
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdin
        # Raises BrokenPipeError when nobody reads more than a pipe holds.
        running.stdin.write(bytes(1 << 22))
        running.stdin.close()
        assert running.stderr
        assert b"is not empty" in running.stderr.read()
    assert running.returncode == 1
