"""What a program has left is listed, opened and packed; nothing else is, whatever it has put there."""

from __future__ import annotations

import io
import os
import socket
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from trainyard_api.files.names import from_address
from trainyard_gateway.run_files import archive, listing, opening
from trainyard_gateway.run_files.archive import Archive
from trainyard_gateway.run_files.opening import NotAFileError
from trainyard_gateway.run_files.zip_stream import NOTES, next_piece

UID = "uid"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    run = tmp_path / "runs" / UID
    run.mkdir(parents=True)
    return run


def names(run: Path, *parts: str, after: str = "", most: int = 100) -> list[str]:
    found = listing.read(run.parent, (UID, *parts), after, most)
    return [from_address(entry.path) for entry in found.entries]


def read(run: Path, *parts: str) -> bytes:
    with closing(opening.open_file(run.parent, (UID, *parts))) as file:
        return os.read(file.handle, 1 << 20)


def later() -> float:
    """When what a test has written is settled."""
    return time.time() + 60


def packed(
    run: Path, top: str = "top", is_top: bool = True, clock: Callable[[], float] = later
) -> bytes:
    made = Archive(os.open(run, os.O_RDONLY), top, is_top, clock)
    with closing(made):
        return b"".join(made.pieces())


def unpacked(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as found:
        assert found.testzip() is None
        return {info.filename: found.read(info) for info in found.infolist()}


def notes(content: bytes) -> str:
    return unpacked(content).get(NOTES, b"").decode()


def test_a_folder_is_listed_by_name_with_what_each_thing_is(run: Path) -> None:
    (run / "b.txt").write_bytes(b"12345")
    (run / "out").mkdir()
    os.mkfifo(run / "pipe")
    (run / "last").symlink_to("out")

    found = listing.read(run.parent, (UID,), "", 100)

    assert [(e.name, e.kind, e.size_bytes, e.target) for e in found.entries] == [
        ("b.txt", "file", 5, None),
        ("last", "link", 0, "out"),
        ("out", "folder", 0, None),
        ("pipe", "other", 0, None),
    ]
    assert (found.kind, found.total, found.more) == ("folder", 4, False)


def test_pages_have_every_name_once_whatever_is_added_between(run: Path) -> None:
    wanted = [f"{n:04d}" for n in range(50)]
    for name in wanted:
        (run / name).touch()

    seen: list[str] = []
    while page := names(run, after=seen[-1] if seen else "", most=7):
        (run / f"0000-{len(seen)}").touch()
        seen += page

    assert seen == wanted


def test_a_page_is_bounded_in_bytes_however_long_the_names_are(run: Path) -> None:
    for number in range(3000):
        (run / (f"{number:04d}" + "\x01" * 250)).touch()

    found = listing.read(run.parent, (UID,), "", 3000)

    assert found.more
    assert sum(len(e.model_dump_json()) for e in found.entries) < 4 << 20


def test_what_is_at_a_path_that_is_no_folder_is_the_one_entry(run: Path) -> None:
    (run / "out").mkdir()
    (run / "out" / "a.txt").write_bytes(b"1")

    found = listing.read(run.parent, (UID, "out", "a.txt"), "", 100)

    assert (found.kind, [e.path for e in found.entries]) == ("file", ["out/a.txt"])


def test_reports_on_their_way_are_no_files_of_the_program(run: Path) -> None:
    (run / "spool" / "000001").mkdir(parents=True)
    (run / "out" / "spool").mkdir(parents=True)

    assert names(run) == ["out"]
    assert names(run, "out") == ["out/spool"]
    assert opening.is_hidden(("spool", "000001"))
    assert not opening.is_hidden(("out", "spool"))
    assert [name for name in unpacked(packed(run)) if "spool" in name] == ["top/out/spool/"]


def test_a_name_that_is_no_text_is_shown_safely_and_found_again(run: Path) -> None:
    raw = b"caf\xe9\x1b[2J\n"
    Path(os.fsdecode(os.fsencode(run) + b"/" + raw)).write_bytes(b"x")

    (entry,) = listing.read(run.parent, (UID,), "", 100).entries

    assert entry.name.isprintable()
    assert os.fsencode(from_address(entry.path)) == raw
    assert read(run, from_address(entry.path)) == b"x"


def sock(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        pytest.param(lambda p: p.symlink_to("/etc/passwd"), "link", id="link out"),
        pytest.param(lambda p: p.symlink_to("real"), "link", id="link inside"),
        pytest.param(os.mkfifo, "other", id="pipe"),
        pytest.param(lambda p: p.mkdir(), "folder", id="folder"),
        pytest.param(sock, "other", id="socket"),
    ],
)
def test_nothing_but_a_regular_file_is_opened(
    run: Path, make: Callable[[Path], object], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run / "real").write_bytes(b"x")
    monkeypatch.chdir(run)
    make(Path("it"))

    with pytest.raises(NotAFileError) as refused:
        read(run, "it")

    assert refused.value.kind == kind


def test_a_pipe_wakes_up_no_writer(run: Path) -> None:
    os.mkfifo(run / "pipe")

    with pytest.raises(NotAFileError):
        read(run, "pipe")
    with pytest.raises(OSError, match="No such device"):
        os.open(run / "pipe", os.O_WRONLY | os.O_NONBLOCK)


@pytest.mark.parametrize("part", [0, 1], ids=["first folder", "second folder"])
def test_no_folder_of_a_path_may_be_a_link(run: Path, tmp_path: Path, part: int) -> None:
    place = ("a", "b", "c.txt")
    run.joinpath("a", "b").mkdir(parents=True)
    run.joinpath(*place).write_bytes(b"secret")
    real = run.joinpath(*place[: part + 1])
    real.rename(tmp_path / "elsewhere")
    real.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(NotADirectoryError):
        read(run, *place)
    with pytest.raises(NotADirectoryError):
        names(run, *place)


def test_a_program_that_exchanges_folders_and_links_leads_nowhere(
    run: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f").write_bytes(b"secret")
    (run / "f").write_bytes(b"own")
    (run / "real").mkdir()
    (run / "real" / "f").write_bytes(b"own")
    over = threading.Event()

    def exchange() -> None:
        while not over.is_set():
            (run / "d").symlink_to(outside)
            (run / "d").unlink()
            (run / "real").rename(run / "d")
            (run / "d").rename(run / "real")
            (run / "g").symlink_to(outside / "f")
            (run / "g").unlink()
            os.link(run / "f", run / "g")
            (run / "g").unlink()

    program = threading.Thread(target=exchange)
    program.start()
    seen = set()
    try:
        for number in range(300):
            for parts in (("d", "f"), ("g",)):
                try:
                    seen.add(read(run, *parts))
                except (OSError, NotAFileError):
                    continue
            if number % 20 == 0:
                seen |= {v for k, v in unpacked(packed(run)).items() if k.endswith(("f", "g"))}
    finally:
        over.set()
        program.join()

    assert seen <= {b"own"}
    assert seen


def test_a_tag_is_weak_while_a_change_would_not_show(run: Path) -> None:
    (run / "a").write_bytes(b"1")
    found = (run / "a").stat()

    hot = opening.entity_tag(found, now=found.st_mtime + 1)
    cold = opening.entity_tag(found, now=found.st_mtime + 3)
    (run / "a").write_bytes(b"22")

    assert hot == f"W/{cold}"
    assert opening.entity_tag((run / "a").stat(), now=found.st_mtime + 9) != cold


def test_an_archive_holds_the_tree(run: Path) -> None:
    (run / "out" / "empty").mkdir(parents=True)
    (run / "out" / "a.bin").write_bytes(bytes(range(256)) * 3000)
    (run / "nothing").touch()

    assert unpacked(packed(run)) == {
        "top/": b"",
        "top/nothing": b"",
        "top/out/": b"",
        "top/out/a.bin": bytes(range(256)) * 3000,
        "top/out/empty/": b"",
    }


def test_an_archive_says_which_files_were_written_just_before(run: Path) -> None:
    (run / "a").write_bytes(b"half")
    newest = max((run / "a").stat().st_mtime, (run / "a").stat().st_ctime)

    hot, cold = packed(run, clock=lambda: newest + 1), packed(run, clock=lambda: newest + 3)

    assert notes(hot).startswith("a: was written just before it was read")
    assert notes(cold) == ""


def test_an_archive_says_what_is_not_in_it(run: Path) -> None:
    os.mkfifo(run / "pipe")
    (run / "link").symlink_to("/etc/passwd")
    (run / "locked").mkdir()
    deep = run
    for _ in range(archive.DEEPEST + 2):
        deep = deep / "d"
    deep.mkdir(parents=True)

    content = packed(run)

    said = notes(content)
    assert "pipe: left out: it is a pipe, a socket or a device" in said
    assert "link: left out: it is a link, which is not followed" in said
    assert "below 64 folders" in said
    assert not any("passwd" in name or "root:" in name for name in unpacked(content))


class Meanwhile:
    """An archive that is read up to the content of its file; then something happens."""

    def __init__(self, run: Path) -> None:
        self.archive = Archive(os.open(run, os.O_RDONLY), "top", True, later)
        self.pieces: Iterator[bytes] = self.archive.pieces()
        self.taken = b""

    def until(self, text: bytes) -> None:
        while text not in self.taken:
            self.taken += next(self.pieces)

    def rest(self) -> bytes:
        with closing(self.archive):
            return self.taken + b"".join(self.pieces)


def append(path: Path, more: bytes) -> None:
    with path.open("ab") as file:
        file.write(more)


LARGE = b"x" * (3 * archive.CHUNK)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(lambda p: os.truncate(p, 10), "shrank while it was read", id="shrinks"),
        pytest.param(lambda p: append(p, b"more"), "grew while it was read", id="grows"),
        pytest.param(lambda p: p.write_bytes(LARGE.upper()), "changed while it was read", id="is written again"),
        pytest.param(lambda p: p.unlink(), "", id="is removed when it is open"),
    ],
)  # fmt: skip
def test_a_file_that_changes_while_it_is_packed_is_said(
    run: Path, change: Callable[[Path], object], said: str
) -> None:
    (run / "a.bin").write_bytes(LARGE)
    os.utime(run / "a.bin", (1, 1))

    packing = Meanwhile(run)
    packing.until(b"x" * 100)
    change(run / "a.bin")
    content = packing.rest()

    assert said in notes(content)
    assert (notes(content) == "") == (said == "")
    assert "top/a.bin" in unpacked(content)


def test_a_file_that_vanishes_before_it_is_packed_is_said(run: Path) -> None:
    (run / "a.bin").write_bytes(b"1")

    packing = Meanwhile(run)
    packing.until(b"top/")
    packing.taken += next(packing.pieces)
    (run / "a.bin").unlink()
    content = packing.rest()

    assert "a.bin: vanished before it was read" in notes(content)


def test_names_in_an_archive_are_portable_and_each_is_there_once(run: Path) -> None:
    for name in ("a\\..\\b", "a%5C..%5Cb", "new\nline", "C:", "plain"):
        (run / name).write_bytes(name.encode())

    found = unpacked(packed(run, top=".."))

    assert len(found) == 6
    assert all("\\" not in name and "\n" not in name for name in found)
    assert not any(
        part in ("", ".", "..") for name in found for part in name.rstrip("/").split("/")
    )


def test_many_files_are_packed_in_steps_and_little_memory(run: Path) -> None:
    for number in range(3000):
        (run / f"{number}").touch()
    made = Archive(os.open(run, os.O_RDONLY), "top", True, later)
    pieces = made.pieces()

    with closing(made):
        steps = list(iter(lambda: next_piece(pieces), None))

    assert max(len(step) for step in steps) < 2 << 20
    with zipfile.ZipFile(io.BytesIO(b"".join(steps))) as found:
        assert len(found.infolist()) == 3001


def test_nothing_stays_open(run: Path) -> None:
    (run / "a").mkdir()
    (run / "a" / "b").write_bytes(LARGE)
    before = len(list(Path("/proc/self/fd").iterdir()))

    packing = Meanwhile(run)
    packing.until(b"xxx")
    packing.pieces.close()  # type: ignore[attr-defined]  # a generator
    packing.archive.close()
    packed(run)

    assert len(list(Path("/proc/self/fd").iterdir())) == before
