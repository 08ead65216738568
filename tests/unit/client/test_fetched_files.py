"""Files of a session are written below their folder only, whatever the gateway calls them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from trainyard.cli.commands.folders.files import below_run
from trainyard.client import Client
from trainyard.errors import BadAnswer
from trainyard.files.answers import RunFile
from trainyard.files.download import FileDownload
from trainyard.files.tree import PARTS, Fetched, Tree, below
from trainyard.retry import Retries
from trainyard_api.files.names import address

CHANGED = "a changed while it was read, or just before; get it into a new folder later"
TIME = "2026-01-01T00:00:00.000000Z"


def entry(path: str, kind: str = "file", size: int = 1, etag: str = '"1"') -> dict[str, Any]:
    return {
        "name": ascii(path), "path": address(path), "kind": kind, "sizeBytes": size, "modified": TIME,
        "etag": etag if kind == "file" else "",
    }  # fmt: skip


class StandIn:
    """A gateway that says what it is told to."""

    def __init__(self, folders: dict[str, list[dict[str, Any]]], content: bytes = b"x") -> None:
        self.folders, self.content, self.etag, self.live = folders, content, '"1"', False
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.asked.append(path)
        if path.endswith("/files"):
            place = unquote(request.url.params.get("path", ""))
            files = self.folders.get(place)
            kind = "folder" if files is not None else "file"
            files = files if files is not None else [entry(place, etag=self.etag)]
            body = {"session": "s", "kind": kind, "files": files, "total": 1, "live": self.live}
            return httpx.Response(200, json={**body, "cursor": None})
        return httpx.Response(200, content=self.content, headers={"ETag": '"1"'})

    def fetch(self, folder: Path, path: str = "") -> Fetched:
        transport = httpx.MockTransport(self)
        with Client("http://h", "k", transport=transport, retries=Retries(attempts=1)) as client:
            return client.files.fetch("s", path, folder)


def test_a_folder_comes_with_all_that_is_below_it(tmp_path: Path) -> None:
    stand_in = StandIn(
        {"": [entry("a"), entry("d", "folder")], "d": [entry("d/b"), entry("d/l", "link")]}
    )

    fetched = stand_in.fetch(tmp_path / "new")

    assert sorted(
        p.relative_to(tmp_path / "new").as_posix() for p in tmp_path.rglob("new/**/*")
    ) == ["a", "d", "d/b"]
    assert (fetched.files, fetched.size_bytes, fetched.not_whole) == (2, 2, [])
    assert fetched.left_out == ["d/l is a link"]
    assert (tmp_path / "new" / "a").stat().st_mtime == 1767225600


def test_what_is_here_is_not_sent_again(tmp_path: Path) -> None:
    stand_in = StandIn({"": [entry("a"), entry("b")]})
    stand_in.fetch(tmp_path)
    (tmp_path / "b").unlink()
    stand_in.asked.clear()

    fetched = stand_in.fetch(tmp_path)

    assert [path for path in stand_in.asked if path.endswith(("/a", "/b"))] == [
        "/api/v1/training/s/files/b"
    ]
    assert fetched.files == 2


@pytest.mark.parametrize(
    "path", ["../x", "/x", "d/../../x", "..", "elsewhere/x", "", "a/b"], ids=lambda p: p or "none"
)
def test_a_path_of_another_folder_is_no_answer(tmp_path: Path, path: str) -> None:
    stand_in = StandIn({"": [entry(path)]})

    with pytest.raises(BadAnswer, match="the gateway listed"):
        stand_in.fetch(tmp_path / "new")

    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == []


def test_other_content_stays(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"mine")
    (tmp_path / "d").write_bytes(b"mine")
    (tmp_path / "same").write_bytes(b"x")
    (tmp_path / "l").symlink_to(tmp_path / "absent")
    names = [entry("a"), entry("d", "folder"), entry("l"), entry("same")]

    fetched = StandIn({"": names, "d": [entry("d/b")]}).fetch(tmp_path)

    assert (tmp_path / "a").read_bytes() == (tmp_path / "d").read_bytes() == b"mine"
    assert not (tmp_path / "absent").exists()
    assert (fetched.files, len(fetched.not_whole)) == (1, 3)
    assert not (tmp_path / PARTS).exists()


def test_no_link_in_the_folder_leads_out(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.mkdir()
    folder.mkdir()
    (folder / "d").symlink_to(outside)

    fetched = StandIn({"": [entry("d", "folder")], "d": [entry("d/b")]}).fetch(folder)

    assert list(outside.iterdir()) == []
    assert "is there and no folder" in fetched.not_whole[0]


def test_names_of_other_systems_are_written_safely(tmp_path: Path) -> None:
    windows = Tree(tmp_path / "w", windows=True)
    made = [windows.place((name,)) for name in ("NUL", "a:b", "c\\..\\d", "ok.txt")]

    assert [p.target.name for p in made if p] == ["%4EUL", "a%3Ab", "c%5C..%5Cd", "ok.txt"]
    assert len(windows.fetched.renamed) == 3


def test_bytes_that_are_no_text_are_asked_for_as_they_are(tmp_path: Path) -> None:
    stand_in = StandIn({"": [entry(os.fsdecode(b"caf\xe9\n"))]})

    fetched = stand_in.fetch(tmp_path)

    assert [p.name for p in tmp_path.iterdir()] == ["caf%E9%0A"]
    assert len(fetched.renamed) == 1


def test_a_file_that_changes_while_it_is_read_is_said(tmp_path: Path) -> None:
    stand_in = StandIn({"": [entry("a")]})
    stand_in.live, stand_in.etag = True, '"2"'

    fetched = stand_in.fetch(tmp_path)

    assert fetched.not_whole == [CHANGED]
    assert stand_in.asked.count("/api/v1/training/s/files/a") == 3


def test_a_file_that_was_written_just_now_may_be_half_of_a_change(tmp_path: Path) -> None:
    stand_in = StandIn({"": [entry("a")]})
    stand_in.live, stand_in.etag = True, 'W/"1"'

    assert stand_in.fetch(tmp_path / "live").not_whole == [CHANGED]
    stand_in.live = False
    assert stand_in.fetch(tmp_path / "ended").not_whole == []


def test_what_came_with_a_weak_tag_is_not_continued(tmp_path: Path) -> None:
    download = FileDownload(tmp_path / "a")
    headers = {"ETag": 'W/"1"', "Content-Length": "5"}

    download.begin(httpx.Response(200, headers=headers))
    download.add(b"12")

    assert download.headers() == {}
    assert download.size == 0


def test_a_name_that_is_too_long_here_stops_nothing_else(tmp_path: Path) -> None:
    fetched = StandIn({"": [entry("\x01" * 200), entry("b")]}).fetch(tmp_path)

    assert (tmp_path / "b").exists()
    assert "would be too long here" in fetched.not_whole[0]


def test_the_place_of_parts_is_no_name_of_a_file(tmp_path: Path) -> None:
    fetched = StandIn({"": [entry(PARTS, "folder"), entry("b")], PARTS: []}).fetch(tmp_path)

    assert (fetched.files, len(fetched.left_out)) == (1, 1)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("", ""),
        ("work/out/", "work/out"),
        ("./work", "work"),
        (".", ""),
        ("/data/run", ""),
        ("/data/run/work", "work"),
        ("/data/runs", "/data/runs"),
        ("/", ""),
    ],
    ids=ascii,
)
def test_paths_as_people_and_programs_have_them(given: str, meant: str) -> None:
    assert below_run(given) == meant


def test_below_is_the_path_under_what_was_asked_for() -> None:
    file = RunFile(name="b", path="a/d/b", kind="file")

    assert below(file, "a/d", "a") == ("d", "b")
