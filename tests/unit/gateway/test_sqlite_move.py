"""A database moves to a volume of its own once, whole, and is not used in its earlier place by mistake."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from trainyard_gateway.errors import SettingsError
from trainyard_gateway.settings import Settings
from trainyard_gateway.store.sql.sqlite_move import MARK, move_in, require_not_moved


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "db" / "trainyard.sqlite3"
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as made:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("CREATE TABLE t (x)")
        made.execute("INSERT INTO t VALUES (1)")
        made.commit()
    return path


def rows(path: Path) -> list[tuple[int]]:
    with closing(sqlite3.connect(path)) as found:
        return found.execute("SELECT x FROM t").fetchall()


def test_it_moves_whole_and_once(old: Path, tmp_path: Path) -> None:
    new = tmp_path / "database" / "trainyard.sqlite3"

    # What is only in the write-ahead log moves as well.
    with closing(sqlite3.connect(old)) as writer:
        writer.execute("INSERT INTO t VALUES (2)")
        writer.commit()
        assert move_in(old, new)
    assert rows(new) == [(1,), (2,)]
    assert rows(old) == [(1,), (2,)]
    with closing(sqlite3.connect(new)) as written:
        written.execute("INSERT INTO t VALUES (3)")
        written.commit()
    assert not move_in(old, new)
    assert len(rows(new)) == 3


def test_a_move_that_was_interrupted_starts_again(old: Path, tmp_path: Path) -> None:
    new = tmp_path / "database" / "trainyard.sqlite3"
    new.parent.mkdir()
    new.with_name(new.name + ".part").write_bytes(b"half of it")

    assert move_in(old, new)
    assert rows(new) == [(1,)]
    assert [p.name for p in new.parent.iterdir()] == [new.name]


def test_nothing_moves_into_a_new_installation(tmp_path: Path) -> None:
    assert not move_in(tmp_path / "data" / "none", tmp_path / "database" / "new")
    assert list(tmp_path.iterdir()) == []


def test_a_volume_that_cannot_hold_it_is_named(old: Path) -> None:
    with pytest.raises(SettingsError, match="cannot move the database"):
        move_in(old, Path("/proc/nowhere/trainyard.sqlite3"))
    assert not (old.parent / MARK).exists()
    assert rows(old) == [(1,)]


def test_the_earlier_copy_is_not_used_unasked(old: Path, tmp_path: Path) -> None:
    require_not_moved(old)
    move_in(old, tmp_path / "database" / "trainyard.sqlite3")

    with pytest.raises(SettingsError, match=r"was moved to .*delete .*MOVED to use"):
        require_not_moved(old)
    (old.parent / MARK).unlink()
    require_not_moved(old)


def test_the_settings_say_where_it_is(tmp_path: Path) -> None:
    shared = Settings(namespace="n", data_dir=tmp_path)
    own = Settings(namespace="n", data_dir=tmp_path, database_dir=tmp_path / "own")

    assert shared.database() == f"sqlite:///{tmp_path}/db/trainyard.sqlite3"
    assert own.database() == f"sqlite:///{tmp_path}/own/trainyard.sqlite3"
