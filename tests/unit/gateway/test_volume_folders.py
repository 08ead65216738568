"""The folders of the volume: their modes, and what a start removes."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from trainyard_gateway.errors import OutOfSpace
from trainyard_gateway.files.atomic import Store

KEPT, LOST = "a" * 32, "b" * 32


async def once(body: bytes) -> AsyncIterator[bytes]:
    yield body


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "datasets", 0)
    store.open()
    return store


async def test_folders_belong_to_the_group(store: Store) -> None:
    kept = store.keep(await store.receive(once(b"x")), KEPT, "data.csv")

    folders = [store.root, store.root / ".incoming", kept.parent]
    assert [oct(stat.S_IMODE(f.stat().st_mode)) for f in folders] == ["0o2770"] * 3
    assert oct(stat.S_IMODE(kept.stat().st_mode)) == "0o640"


async def test_a_start_removes_what_no_row_names(store: Store) -> None:
    store.keep(await store.receive(once(b"x")), KEPT, "data.csv")
    store.keep(await store.receive(once(b"y")), LOST, "data.csv")
    await store.receive(once(b"half"))
    (store.root / "lost+found").mkdir()

    assert store.clean({KEPT}, 0) == [LOST]

    assert sorted(p.name for p in store.root.iterdir()) == [".incoming", KEPT, "lost+found"]
    assert list((store.root / ".incoming").iterdir()) == []


async def test_what_may_be_under_way_elsewhere_stays(store: Store) -> None:
    store.keep(await store.receive(once(b"y")), LOST, "data.csv")

    assert store.clean(set(), 3600) == []


async def test_an_upload_that_would_not_fit_is_refused_before_it_begins(tmp_path: Path) -> None:
    store = Store(tmp_path / "datasets", 1 << 60)
    store.open()

    with pytest.raises(OutOfSpace):
        await store.receive(once(b"x"))

    assert list((store.root / ".incoming").iterdir()) == []
