"""Which folders of runs are removed, and how."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trainyard_gateway.files.runs import RunFolders
from trainyard_gateway.sessions.retention import Plan, plan

A, B = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
NOTHING = Plan(frozenset(), frozenset(), frozenset())


def only(**sets: set[str]) -> Plan:
    made = {name: frozenset(sets.get(name, ())) for name in ("mark", "unmark", "remove")}
    return Plan(**made)


@pytest.mark.parametrize(
    ("folders", "marks", "live", "needed", "gone", "wanted"),
    [
        pytest.param({A}, {}, {A}, set(), {}, NOTHING, id="in the cluster"),
        pytest.param({A}, {}, set(), set(), {A: "a"}, only(mark={A}), id="missed for the first time"),
        pytest.param({A}, {A: 101.0}, set(), set(), {A: "a"}, NOTHING, id="not for long enough"),
        pytest.param({A}, {A: 100.0}, set(), set(), {A: "a"}, only(remove={A}), id="long enough"),
        pytest.param({A}, {A: 1.0}, {A}, set(), {A: "a"}, only(unmark={A}), id="back in the cluster"),
        pytest.param({A}, {A: 1.0}, set(), {"a"}, {A: "a"}, only(unmark={A}), id="a fork goes on from it"),
        pytest.param({A}, {A: 1.0}, set(), {"b"}, {A: "a"}, only(remove={A}), id="a fork of another one"),
        pytest.param({A}, {}, set(), set(), {}, NOTHING, id="the database does not know it"),
        pytest.param({A}, {A: 1.0}, set(), set(), {}, only(unmark={A}), id="nor any more"),
        pytest.param(set(), {A: 1.0}, set(), set(), {A: "a"}, only(unmark={A}), id="a crash after it was removed"),
        pytest.param({A, B}, {A: 1.0}, {B}, set(), {A: "a"}, only(remove={A}), id="each for itself"),
    ],
)  # fmt: skip
def test_what_is_done(
    folders: set[str],
    marks: dict[str, float],
    live: set[str],
    needed: set[str],
    gone: dict[str, str],
    wanted: Plan,
) -> None:
    assert plan(folders, marks, live, needed, gone, before=100.0) == wanted


@pytest.fixture
def runs(tmp_path: Path) -> RunFolders:
    found = RunFolders(tmp_path / "runs")
    found.open()
    return found


def made(tmp_path: Path, uid: str) -> Path:
    folder = tmp_path / "runs" / uid
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "1.pt").write_bytes(b"weights")
    return folder


def test_only_folders_of_runs_count(runs: RunFolders, tmp_path: Path) -> None:
    made(tmp_path, A)
    (tmp_path / "runs" / "lost+found").mkdir()
    (tmp_path / "runs" / B).symlink_to(tmp_path)

    assert runs.there() == {A}


def test_marks_keep_when_they_were_made(runs: RunFolders, tmp_path: Path) -> None:
    runs.mark(A)
    os.utime(tmp_path / "runs" / ".gone" / A, (5, 5))

    assert runs.marks() == {A: 5.0}
    runs.unmark(A)
    runs.unmark(A)
    assert runs.marks() == {}


def test_a_removed_folder_takes_its_mark_along(runs: RunFolders, tmp_path: Path) -> None:
    folder, other = made(tmp_path, A), made(tmp_path, B)
    runs.mark(A)

    runs.remove(A)

    assert not folder.exists()
    assert other.exists()
    assert runs.marks() == {}
    assert runs.remove_rest() == []
    assert list((tmp_path / "runs" / ".removing").iterdir()) == []


def test_what_a_crash_left_half_deleted_is_deleted_by_the_next(
    runs: RunFolders, tmp_path: Path
) -> None:
    made(tmp_path, A)
    runs.remove(A)

    assert RunFolders(tmp_path / "runs").remove_rest() == []
    assert list((tmp_path / "runs" / ".removing").iterdir()) == []


def test_another_gateway_may_have_been_faster(runs: RunFolders) -> None:
    runs.mark(A)

    runs.remove(A)

    assert runs.marks() == {}


def test_links_that_a_program_has_left_are_not_followed(runs: RunFolders, tmp_path: Path) -> None:
    outside = tmp_path / "datasets"
    outside.mkdir()
    (outside / "data.csv").write_text("a\n")
    (made(tmp_path, A) / "way out").symlink_to(outside)

    runs.remove(A)
    runs.remove_rest()

    assert (outside / "data.csv").exists()
