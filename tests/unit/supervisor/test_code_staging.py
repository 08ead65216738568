"""A bundle of code becomes the folder in which the program runs, or a sentence."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from poll import eventually

from trainyard_api.code import CodeEntry, CodeManifest
from trainyard_supervisor.code.staging import Code, code_of, stage
from trainyard_supervisor.errors import CannotStart


class Volume:
    """The folders that a pod mounts."""

    def __init__(self, top: Path) -> None:
        self.source, self.run = top / "code", top / "run"
        (self.source / "contents").mkdir(parents=True)
        self.run.mkdir()

    def bundle(self, *entries: dict[str, Any] | tuple[str, str]) -> str:
        """A bundle of files (path, content) and of entries as they are; its name."""
        listed = [self._entry(e) if isinstance(e, tuple) else e for e in entries]
        text = json.dumps({"entries": listed}, sort_keys=True, separators=(",", ":")).encode()
        (self.source / "manifest.json").write_bytes(text)
        return hashlib.sha256(text).hexdigest()

    def _entry(self, file: tuple[str, str]) -> dict[str, Any]:
        path, content = file
        sha256 = hashlib.sha256(content.encode()).hexdigest()
        (self.source / "contents" / sha256).write_text(content)
        executable = {"executable": True} if path.endswith(".sh") else {}
        return {"path": path, "sha256": sha256, "size": len(content), **executable}

    def stage(self, bundle: str, working_dir: str = "", worker: int = 0) -> Path | None:
        return stage(Code(bundle, working_dir), self.source, self.run, worker, lambda: False)


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    return Volume(tmp_path)


def test_files_links_modes_and_empty_folders_are_there(volume: Volume) -> None:
    bundle = volume.bundle(
        ("train.py", "x"), ("bin/run.sh", "y"), {"path": "out", "folder": True},
        {"path": "latest", "target": "bin/run.sh"},
    )  # fmt: skip

    place = volume.stage(bundle)

    assert place == volume.run / "work"
    assert (place / "train.py").read_text() == "x"
    assert stat.S_IMODE((place / "bin" / "run.sh").stat().st_mode) & 0o7111 == 0o111
    assert stat.S_IMODE((place / "train.py").stat().st_mode) & 0o7111 == 0
    assert os.readlink(place / "latest") == "bin/run.sh"  # noqa: PTH115
    assert list((place / "out").iterdir()) == []
    (place / "train.py").write_text("a program may write its own files")


def test_a_later_attempt_changes_nothing(volume: Volume) -> None:
    bundle = volume.bundle(("train.py", "x"), ("old.py", "y"))
    place = volume.stage(bundle)
    assert place is not None
    (place / "train.py").write_text("changed")
    (place / "checkpoint").write_text("1")
    (place / "old.py").unlink()

    assert volume.stage(bundle) == place

    assert (place / "train.py").read_text() == "changed"
    assert sorted(p.name for p in place.iterdir()) == ["checkpoint", "train.py"]


def test_the_working_folder_is_made_and_stays_inside(volume: Volume) -> None:
    bundle = volume.bundle(("src/train.py", "x"))

    assert volume.stage(bundle, "src") == volume.run / "work" / "src"
    for outside in ("..", "a/../..", "/etc"):
        run = json.dumps({"code": {"bundle": bundle, "workingDir": outside}})
        with pytest.raises(ValueError, match="leads out"):
            code_of({"TRAINYARD_RUN": run})


def test_an_attempt_without_code_has_none() -> None:
    assert code_of({}) is None
    assert code_of({"TRAINYARD_RUN": '{"uid": "u", "attempt": 1}'}) is None


def test_a_copy_that_broke_off_is_made_again(volume: Volume) -> None:
    (volume.run / ".work.part" / "half").mkdir(parents=True)
    bundle = volume.bundle(("train.py", "x"))

    place = volume.stage(bundle)

    assert place is not None
    assert [p.name for p in place.iterdir()] == ["train.py"]


def test_another_worker_waits_for_the_first(volume: Volume) -> None:
    bundle = volume.bundle(("train.py", "x"))
    found: list[Path | None] = []
    other = threading.Thread(target=lambda: found.append(volume.stage(bundle, worker=1)))
    other.start()
    assert volume.stage(bundle) is not None

    eventually(lambda: found, what="the other worker going on")
    other.join()
    assert found == [volume.run / "work"]


@pytest.mark.parametrize("worker", [0, 1])
def test_a_stop_signal_ends_it_without_a_folder(volume: Volume, worker: int) -> None:
    code = Code(volume.bundle(("train.py", "x")), "")

    assert stage(code, volume.source, volume.run, worker, lambda: True) is None
    assert list(volume.run.iterdir()) == []


def test_a_missing_bundle_is_a_sentence(volume: Volume) -> None:
    with pytest.raises(CannotStart, match="the list of its files is not on the volume") as refusal:
        volume.stage("0" * 64)
    assert refusal.value.reason == "CodeMissing"


def test_a_missing_content_is_a_sentence_with_its_file(volume: Volume) -> None:
    bundle = volume.bundle(("train.py", "x"))
    next((volume.source / "contents").iterdir()).unlink()

    with pytest.raises(CannotStart, match=r"the content of train\.py is not on the volume"):
        volume.stage(bundle)
    assert not (volume.run / "work").exists()


@pytest.mark.parametrize("content", ["y", "", "xx"], ids=["other", "shorter", "longer"])
def test_a_damaged_content_is_a_sentence_with_its_file(volume: Volume, content: str) -> None:
    bundle = volume.bundle(("train.py", "x"))
    next((volume.source / "contents").iterdir()).write_text(content)

    with pytest.raises(CannotStart, match=r"train\.py does not have its hash") as refusal:
        volume.stage(bundle)
    assert refusal.value.reason == "CodeDamaged"
    assert not (volume.run / "work").exists()


def test_a_changed_list_is_a_sentence(volume: Volume) -> None:
    bundle = volume.bundle(("train.py", "x"))
    (volume.source / "manifest.json").write_text('{"entries": []}')

    with pytest.raises(CannotStart, match="does not have the hash that is its name"):
        volume.stage(bundle)


SHA = "a" * 64
HOSTILE = {
    "path-out": {"path": "../x", "sha256": SHA, "size": 1},
    "absolute-path": {"path": "/x", "sha256": SHA, "size": 1},
    "link-out": {"path": "a", "target": "../x"},
    "link-out-behind-a-name": {"path": "d/a", "target": "b/../../../x"},
    "absolute-link": {"path": "a", "target": "/etc/passwd"},
    "hash-that-is-a-path": {"path": "a", "sha256": "../" * 21 + "a", "size": 1},
    "no-entry": 3,
}


@pytest.mark.parametrize("entry", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_list_is_refused(volume: Volume, entry: Any) -> None:
    bundle = volume.bundle(entry)

    with pytest.raises(CannotStart, match="cannot be read"):
        volume.stage(bundle)
    assert not (volume.run / "work").exists()


def test_a_file_below_a_link_is_not_written_through_it(volume: Volume, tmp_path: Path) -> None:
    bundle = volume.bundle(("a/x", "x"), {"path": "a", "target": "."})

    with pytest.raises(CannotStart):
        volume.stage(bundle)
    assert not (volume.run / "work").exists()


def test_the_gateways_list_is_read_as_it_writes_it(volume: Volume) -> None:
    sha256 = hashlib.sha256(b"x").hexdigest()
    (volume.source / "contents" / sha256).write_text("x")
    text = CodeManifest(entries=[CodeEntry(path="größe.py", sha256=sha256, size=1)]).text()
    (volume.source / "manifest.json").write_bytes(text)

    place = volume.stage(hashlib.sha256(text).hexdigest())

    assert place is not None
    assert (place / "größe.py").read_text() == "x"
