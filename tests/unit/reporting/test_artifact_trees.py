"""What of a folder becomes a tree, also while a program writes in it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from poll import eventually

from trainyard.reporting.artifacts import walk
from trainyard.reporting.artifacts.staging import CannotStage, Stager, StagingStopped, Tree
from trainyard.reporting.artifacts.walk import LeftOut, Walk
from trainyard_api.code import CodeManifest, bundle_name, problem

BOTH = pytest.mark.parametrize("linked", [False, True], ids=["copied", "linked"])


class Volume:
    """A folder that a program leaves, and where its tree is staged."""

    def __init__(self, top: Path) -> None:
        self.out, self.place = top / "out", top / "place"
        self.out.mkdir()
        self.place.mkdir()

    def stage(self, *, linked: bool = False, **options: Callable[[], bool]) -> Tree:
        return Stager(self.place, linked=linked, **options).stage(self.out)

    @property
    def manifest(self) -> CodeManifest:
        """The manifest, in the one form that a manifest has."""
        text = (self.place / "manifest.json").read_bytes()
        found = CodeManifest.model_validate_json(text)
        assert found.text() == text
        assert problem(found) is None
        return found

    def staged(self, path: str) -> bytes:
        return (self.place / "files" / path).read_bytes()


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    return Volume(tmp_path)


@BOTH
def test_files_links_modes_and_empty_folders(volume: Volume, linked: bool) -> None:
    (volume.out / "a" / "deep").mkdir(parents=True)
    (volume.out / "a" / "deep" / "x.bin").write_bytes(b"x" * 3_000_000)
    (volume.out / "a.txt").write_text("beside a folder of that name")
    (volume.out / "empty").mkdir()
    (volume.out / "empty-1.txt").write_text("")
    (volume.out / "latest").symlink_to("a/deep/x.bin")
    (volume.out / "run.sh").write_text("#!/bin/sh")
    (volume.out / "run.sh").chmod(0o755)
    (volume.out / "ä ö.txt").write_text("ü")

    tree = volume.stage(linked=linked)

    entries = {e.path: e for e in volume.manifest.entries}
    assert list(entries) == [
        "a.txt", "a/deep/x.bin", "empty", "empty-1.txt", "latest", "run.sh", "ä ö.txt"
    ]  # fmt: skip
    assert entries["latest"].target == "a/deep/x.bin"
    assert entries["empty"].folder
    assert [e.path for e in volume.manifest.entries if e.executable] == ["run.sh"]
    assert volume.staged("a/deep/x.bin") == b"x" * 3_000_000
    assert tree == Tree(bundle_name(volume.manifest.text()), 5, volume.manifest.size_bytes)
    assert not (volume.place / "files" / "latest").exists()


@BOTH
def test_what_cannot_travel_is_left_out_and_named(volume: Volume, linked: bool) -> None:
    (volume.out / "kept").write_text("1")
    (volume.out / "outside").symlink_to("/etc/hostname")
    (volume.out / "loop").symlink_to(".")  # Nobody follows it.
    (volume.out / "only-a-pipe").mkdir()
    os.mkfifo(volume.out / "only-a-pipe" / "pipe")
    (volume.out / ".git").mkdir()
    with open(os.fsencode(volume.out) + b"/\xff.bin", "w") as file:  # noqa: PTH123 # a name of bytes
        file.write("x")
    (volume.out / "two\nlines").write_text("x")
    with socket.socket(socket.AF_UNIX) as listener:
        # A short path: one of a socket has about a hundred bytes.
        here = Path.cwd()
        os.chdir(volume.out)
        try:
            listener.bind("s")
        finally:
            os.chdir(here)
        tree = volume.stage(linked=linked)

    assert [e.path for e in volume.manifest.entries] == ["kept", "loop", "only-a-pipe"]
    [note] = tree.notes
    assert note.startswith("left out: ")
    for said in (
        "outside is a link to /etc/hostname, which leads out",
        "only-a-pipe/pipe is a named pipe",
        "s is a socket",
        "\\udcff.bin (its name is not UTF-8",
        "two\\nlines (its name holds",
        ".git (",
    ):
        assert said in note


UNREADABLE = """
import ctypes, os, shutil, sys, tempfile  # all before another user may not read them
from pathlib import Path
from trainyard.reporting.artifacts.staging import Stager

top = Path(tempfile.mkdtemp())
top.chmod(0o777)
if os.geteuid() == 0:
    # Root reads everything.
    os.setegid(65534)
    os.seteuid(65534)
for name in ("kept", "closed", "folder/x", "inner/closed"):
    place = top / "out" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()
for name in ("closed", "folder", "inner/closed"):
    (top / "out" / name).chmod(0)
(top / "place").mkdir()
print(*Stager(top / "place", linked=sys.argv[1] == "linked").stage(top / "out").notes)
print((top / "place" / "manifest.json").read_text())
(top / "out" / "folder").chmod(0o700)
os.seteuid(os.getuid())
shutil.rmtree(top)
"""


@pytest.mark.parametrize("how", ["copied", "linked"])
def test_unreadable_files_and_folders_are_left_out_and_named(how: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNREADABLE, how], capture_output=True, text=True, check=True
    )

    said, manifest = done.stdout.splitlines()
    assert said == (
        "left out: closed cannot be read: Permission denied; folder is a folder that cannot be read:"
        " Permission denied; inner/closed cannot be read: Permission denied"
    )
    assert [e.path for e in CodeManifest.model_validate_json(manifest).entries] == ["kept"]


def test_of_many_that_are_left_out_the_first_are_named_and_all_counted(volume: Volume) -> None:
    (volume.out / "kept").write_text("1")
    for number in range(walk.MOST_SHOWN + 5):
        (volume.out / f"l{number:02d}").symlink_to("/nowhere")

    assert volume.stage().notes[0].endswith("; and 5 more")


def test_an_empty_folder_is_no_tree(volume: Volume) -> None:
    with pytest.raises(CannotStage, match="nothing is in it"):
        volume.stage()
    (volume.out / "outside").symlink_to("/etc/hostname")
    Path(volume.place / "files").rmdir()
    with pytest.raises(CannotStage, match=r"nothing is in it \(outside is a link"):
        volume.stage()


def test_one_file_is_a_tree_of_one(volume: Volume) -> None:
    file = volume.out / "model.pt"
    file.write_bytes(b"weights")

    tree = Stager(volume.place, linked=False).stage(file)

    assert (tree.files, tree.size_bytes) == (1, 7)
    assert [e.path for e in volume.manifest.entries] == ["model.pt"]


def test_a_linked_file_takes_no_space_and_keeps_its_content_when_it_is_replaced(
    volume: Volume,
) -> None:
    (volume.out / "w").write_text("old")
    volume.stage(linked=True)

    assert (volume.out / "w").stat().st_nlink == 2
    (volume.out / "w.new").write_text("new")
    (volume.out / "w.new").replace(volume.out / "w")
    assert volume.staged("w") == b"old"


def test_a_copy_does_not_change_with_its_file(volume: Volume) -> None:
    (volume.out / "w").write_text("old")
    volume.stage()
    (volume.out / "w").write_text("new")

    assert volume.staged("w") == b"old"


def test_without_hard_links_files_are_copied(volume: Volume) -> None:
    if not Path("/dev/shm").is_dir():
        pytest.skip("there is no second file system")
    (volume.out / "w").symlink_to(f"/dev/shm/{os.getpid()}-w")
    source = Path(f"/dev/shm/{os.getpid()}-w")
    source.write_text("there")
    try:
        Stager(volume.place, linked=True).stage(source)
        assert source.stat().st_nlink == 1
        assert volume.staged(source.name) == b"there"
    finally:
        source.unlink()


def test_sparse_files_stay_sparse(volume: Volume) -> None:
    with (volume.out / "big").open("wb") as file:
        file.write(b"head")
        file.truncate(64 << 20)

    tree = volume.stage()

    assert tree.size_bytes == 64 << 20
    copy = (volume.place / "files" / "big").stat()
    assert copy.st_size == 64 << 20
    assert copy.st_blocks * 512 < 8 << 20


@BOTH
def test_a_file_that_changes_all_the_time_is_what_its_hash_says_and_named(
    volume: Volume, linked: bool
) -> None:
    file = volume.out / "log"
    file.write_bytes(bytes(range(256)) * (8 << 12))
    (volume.out / "still").write_text("x")
    turn = 0

    def written_again() -> bool:
        nonlocal turn
        turn += 1
        with file.open("r+b") as content:
            content.seek(turn * 999_983 % (8 << 20))
            content.write(b"%d" % turn)
        os.utime(file, ns=(turn, turn))
        return False

    tree = volume.stage(linked=linked, stopped=written_again)

    entry = next(e for e in volume.manifest.entries if e.path == "log")
    assert bundle_name(volume.staged("log")) == entry.sha256
    assert tree.notes == ("changed while they were copied, and may be half old: log",)
    assert file.stat().st_nlink == 1


def test_a_file_that_has_changed_once_is_copied_again(volume: Volume) -> None:
    file = volume.out / "log"
    file.write_bytes(b"old" * (1 << 20))
    asked = 0

    def grown_at_the_second_piece() -> bool:
        nonlocal asked
        asked += 1
        if asked == 3:
            file.write_bytes(b"new" * (1 << 20))
            os.utime(file, ns=(1, 1))
        return False

    tree = volume.stage(stopped=grown_at_the_second_piece)

    assert volume.staged("log") == b"new" * (1 << 20)
    assert tree.notes == ()


def test_names_that_come_and_go_meanwhile_leave_a_sound_manifest(volume: Volume) -> None:
    """Folders turn from empty to full and back between two looks at them."""
    for number in range(30):
        (volume.out / f"d{number}").mkdir()
        (volume.out / f"d{number}.txt").write_text("x")
    ended, turns = threading.Event(), [0]

    def change() -> None:
        while not ended.is_set():
            for number in range(30):
                place = volume.out / f"d{number}" / "x"
                if place.exists():
                    place.unlink()
                else:
                    place.write_text("1")
            turns[0] += 1

    program = threading.Thread(target=change)
    program.start()
    try:
        for number in range(20):
            eventually(lambda at=number: turns[0] > at, within=30, what="changes")
            place = volume.place / str(number)
            place.mkdir()
            Stager(place, linked=False).stage(volume.out)
            text = (place / "manifest.json").read_bytes()
            manifest = CodeManifest.model_validate_json(text)
            assert manifest.text() == text
            assert problem(manifest) is None
    finally:
        ended.set()
        program.join()


def test_a_stop_ends_it_between_two_pieces_of_a_file(volume: Volume) -> None:
    (volume.out / "big").write_bytes(bytes(4 << 20))
    asked = iter([False, False, True])

    with pytest.raises(StagingStopped):
        volume.stage(stopped=lambda: next(asked))


def test_more_entries_than_a_tree_may_have_are_refused(volume: Volume) -> None:
    for number in range(3):
        (volume.out / str(number)).touch()

    with pytest.raises(CannotStage, match="more than 2 files and links"):
        Stager(volume.place, linked=False, most_entries=2).stage(volume.out)


def test_folders_that_are_trainyards_own_are_passed_over(volume: Volume) -> None:
    (volume.out / "kept").touch()
    for name in ("own", "own/inner", "deep", "deep/own"):
        (volume.out / name).mkdir()
        (volume.out / name / "x").touch()

    without = [volume.out / "own", volume.out / "deep" / "own"]
    tree = Stager(volume.place, linked=False).stage(volume.out, without)

    assert [e.path for e in volume.manifest.entries] == ["deep/x", "kept"]
    assert tree.notes == ()


NAMES = st.text(st.sampled_from("a.-/ b\u00e4~"), min_size=1, max_size=6)


@given(paths=st.lists(NAMES, max_size=12), folders=st.lists(NAMES, max_size=4))
def test_the_order_is_that_of_the_paths_bytes(
    tmp_path_factory: pytest.TempPathFactory, paths: list[str], folders: list[str]
) -> None:
    top = tmp_path_factory.mktemp("tree")
    for path, make in [*((p, Path.touch) for p in paths), *((f, Path.mkdir) for f in folders)]:
        place = top / "/".join(part for part in path.split("/") if part not in ("", ".", ".."))
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            make(place)
        except OSError:
            continue

    found = [entry.path for entry in Walk(top, (), LeftOut())]

    assert found == sorted(found, key=str.encode)
    there = {str(p.relative_to(top)) for p in top.rglob("*") if p.is_file() or not any(p.iterdir())}
    assert set(found) == there
