"""The folders of the volume: their modes, and what a start removes."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from trainyard_gateway.errors import OutOfSpace
from trainyard_gateway.files.file_store import LOST_SECONDS, FileStore

KEPT, LOST = "a" * 32, "b" * 32


async def once(body: bytes) -> AsyncIterator[bytes]:
    yield body


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    store = FileStore(tmp_path / "datasets", 0)
    store.open()
    return store


async def test_folders_belong_to_the_group(store: FileStore) -> None:
    kept = store.keep(await store.receive(once(b"x")), KEPT, "data.csv")

    folders = [store.root, store.root / ".incoming", kept.parent]
    assert [oct(stat.S_IMODE(f.stat().st_mode)) for f in folders] == ["0o2770"] * 3
    assert oct(stat.S_IMODE(kept.stat().st_mode)) == "0o640"


async def test_a_start_removes_what_no_row_names(store: FileStore) -> None:
    store.keep(await store.receive(once(b"x")), KEPT, "data.csv")
    store.keep(await store.receive(once(b"y")), LOST, "data.csv")
    await store.receive(once(b"half"))
    (store.root / "lost+found").mkdir()

    assert store.clean({KEPT}, 0) == [LOST]

    assert sorted(p.name for p in store.root.iterdir()) == [
        ".incoming",
        ".lost",
        KEPT,
        "lost+found",
    ]
    assert list((store.root / ".incoming").iterdir()) == []


async def test_what_may_be_under_way_elsewhere_stays(store: FileStore) -> None:
    store.keep(await store.receive(once(b"y")), LOST, "data.csv")

    assert store.clean({KEPT}, 3600) == []


async def test_what_no_row_names_is_kept_aside_for_a_month(store: FileStore) -> None:
    """It may be the database that is the wrong one: new, or restored from before."""
    store.keep(await store.receive(once(b"y")), LOST, "data.csv")

    assert store.clean(set(), 0) == [LOST]
    assert store.clean({KEPT}, 0) == []
    aside = store.root / ".lost" / LOST
    assert (aside / "data.csv").read_bytes() == b"y"

    long_ago = time.time() - LOST_SECONDS
    os.utime(aside, (long_ago, long_ago))
    assert store.clean({KEPT}, 0) == []
    assert not aside.exists()


async def test_what_is_not_worth_keeping_goes_at_once(store: FileStore) -> None:
    store.keep(await store.receive(once(b"y")), LOST, "data.csv")

    assert store.clean(set(), 0, aside=False) == [LOST]
    assert sorted(p.name for p in store.root.iterdir()) == [".incoming"]


async def test_an_upload_that_would_not_fit_is_refused_before_it_begins(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "datasets", 1 << 60)
    store.open()

    with pytest.raises(OutOfSpace):
        await store.receive(once(b"x"))

    assert list((store.root / ".incoming").iterdir()) == []
