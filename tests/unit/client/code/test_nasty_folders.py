"""What of a folder goes into a bundle, for folders as people have them."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest
from nasty_folders import FOLDERS, Folder, make

from trainyard.code.bundle import Bundle, Limits, bundle
from trainyard.code.refusals import CannotBundle

LIMITS = Limits(max_bytes=512 << 20, max_files=20_000)
AS_ROOT = os.geteuid() == 0


def read(folder: Path) -> Bundle:
    return bundle(folder, LIMITS)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    place = tmp_path / "outer" / "folder"
    place.mkdir(parents=True)
    return place


@pytest.mark.parametrize("case", FOLDERS, ids=lambda case: case.id)
def test_the_right_set_goes_in(case: Folder, top: Path) -> None:
    if AS_ROOT and "unreadable" in case.id and case.refused:
        pytest.skip("root reads everything")
    make(case.tree, top)

    if case.refused:
        with pytest.raises(CannotBundle) as refusal:
            read(top / case.start)
        assert case.refused in str(refusal.value)
        return
    found = read(top / case.start)

    entries = found.manifest.entries
    assert sorted(e.path for e in entries if e.sha256) == sorted(case.files)
    assert {e.path: e.target for e in entries if e.target} == dict(case.links)
    assert sorted(e.path for e in entries if e.folder) == sorted(case.folders)
    said = "\n".join(found.contents.left_out)
    assert all(words in said for words in case.said), said
    assert len(found.contents.left_out) == len(case.said)


@pytest.mark.parametrize(
    "case", [c for c in FOLDERS if c.as_git and not c.refused], ids=lambda case: case.id
)
def test_git_lists_the_same_files(case: Folder, top: Path) -> None:
    make(case.tree, top)
    excludes = case.tree.get(".git/info/exclude")
    git("init", "--quiet", at=top)
    (top / ".git" / "info" / "exclude").write_text(str(excludes or ""))

    listed = git(
        "ls-files", "-z", "--cached", "--others", "--exclude-standard", at=top / case.start
    )

    ours = {e.path for e in read(top / case.start).manifest.entries if not e.folder}
    assert ours == {name for name in listed.split("\0") if name}


def git(*arguments: str, at: Path) -> str:
    plain = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(at.parent)}
    done = subprocess.run(
        ["git", *arguments], cwd=at, env=plain, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_a_hundred_thousand_files_are_refused_with_their_folder(top: Path) -> None:
    for number in range(100):
        folder = top / "images" / str(number)
        folder.mkdir(parents=True)
        for name in range(1000):
            (folder / f"{name}.jpg").touch()
    (top / "train.py").write_text("x")

    with pytest.raises(CannotBundle, match=r"100001 files.*images/ \(100000 files\)"):
        read(top)


def test_a_file_that_never_comes_to_rest_is_refused(top: Path) -> None:
    log = top / "train.log"
    with log.open("wb") as file:
        file.truncate(128 << 20)  # long enough to read that something is written meanwhile
    stop, begun = threading.Event(), threading.Event()

    def keep_writing() -> None:
        with log.open("ab", buffering=0) as file:
            while not stop.is_set():
                file.write(b"x")
                begun.set()

    writer = threading.Thread(target=keep_writing)
    writer.start()
    assert begun.wait(30)
    try:
        with pytest.raises(CannotBundle, match="train.log changes while it is read"):
            read(top)
    finally:
        stop.set()
        writer.join()


def test_one_content_under_two_names_is_there_once(top: Path) -> None:
    make({"a.py": "same", "b.py": "same", "c.py": "other"}, top)

    found = read(top)

    assert len(found.by_hash) == 2
    assert len(found.manifest.files) == 3


def test_the_name_depends_on_paths_contents_modes_and_links_alone(tmp_path: Path) -> None:
    names = set()
    for number in range(2):
        top = tmp_path / str(number)
        make({"b.py": "x", "a/run.sh": "y", "out": None}, top)
        (top / "a" / "run.sh").chmod(0o700 if number else 0o755)
        os.utime(top / "b.py", (number, number))
        names.add(read(top).name)
    assert len(names) == 1

    (top / "a" / "run.sh").chmod(0o644)
    assert read(top).name not in names


def test_an_absolute_link_that_leads_inside_becomes_a_relative_one(top: Path) -> None:
    make({"data/x.csv": "1"}, top)
    (top / "d" / "e").mkdir(parents=True)
    (top / "d" / "e" / "x").symlink_to(top / "data" / "x.csv")

    entries = read(top).manifest.entries

    assert {e.path: e.target for e in entries if e.target} == {"d/e/x": "../../data/x.csv"}
