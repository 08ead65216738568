"""Files that are whole or torn, by their structure, as libraries write them."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save

from trainyard_supervisor.resume.listing import MOST_OF_FOLDER, listing
from trainyard_supervisor.resume.structure import Structure


def torch_file(**options: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save({"weights": torch.ones(1000), "step": 7}, buffer, **options)
    return buffer.getvalue()


def npz() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, a=np.ones(100), b=np.zeros(5))
    return buffer.getvalue()


def zip64() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, archive.open("a", "w", force_zip64=True) as file:
        file.write(b"x" * 100)
    return buffer.getvalue()


WHOLE: dict[str, bytes] = {
    "a.pt": torch_file(),
    "old.pth": torch_file(_use_new_zipfile_serialization=False),
    "a.safetensors": save({"a": np.ones((3, 4), np.float32), "b": np.zeros(0)}),
    "a.npz": npz(),
    "a.zip": zip64(),
    "a.pkl": pickle.dumps({"a": list(range(1000))}),
    "a.ubj": b"{L" + b"x" * 100 + b"}",
    "model.txt": b"tree\nversion=v4\n\nend of trees\n",
    "trainer_state.json": b'{"global_step": 10}',
    "snap": b"\x01\x02",
}
CUT_OFF = [name for name in WHOLE if name not in ("old.pth", "snap")]
"""The end of old files of torch and of CatBoost's is not known without their values."""


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(WHOLE[name])
    assert Structure(tmp_path).damage(name) is None


@pytest.mark.parametrize("name", CUT_OFF)
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.98])
def test_a_file_that_was_cut_off(tmp_path: Path, name: str, kept: float) -> None:
    content = WHOLE[name]
    (tmp_path / name).write_bytes(content[: min(len(content) - 2, int(len(content) * kept))])
    assert Structure(tmp_path).damage(name) is not None


ZEROED: dict[str, Callable[[bytes], bytes]] = {
    "all": lambda content: bytes(len(content)),
    "end": lambda content: content[: len(content) // 2] + bytes(len(content) - len(content) // 2),
    "begin": lambda content: bytes(200) + content[200:],
}


@pytest.mark.parametrize("where", ZEROED)
@pytest.mark.parametrize("name", ["a.pt", "a.npz", "a.zip"])
def test_a_file_of_which_blocks_were_not_written(tmp_path: Path, name: str, where: str) -> None:
    (tmp_path / name).write_bytes(ZEROED[where](WHOLE[name]))
    assert Structure(tmp_path).damage(name) is not None


def test_hdf5_says_where_it_ends(tmp_path: Path) -> None:
    head = b"\x89HDF\r\n\x1a\n" + bytes([0, 0, 0, 0, 0, 8, 8, 0]) + bytes(24)
    whole = (head + (100).to_bytes(8, "little")).ljust(100, b"\0")
    (tmp_path / "a.h5").write_bytes(whole)
    (tmp_path / "b.h5").write_bytes(whole[:90])
    structure = Structure(tmp_path)
    assert (structure.damage("a.h5"), structure.damage("b.h5")) == (None, "is cut off")


def test_an_index_whose_shards_are_not_there(tmp_path: Path) -> None:
    names = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    index = {"weight_map": {"a": names[0], "b": names[1]}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    (tmp_path / names[0]).write_bytes(b"x")
    structure = Structure(tmp_path)
    assert names[1] in (structure.damage("model.safetensors.index.json") or "")
    (tmp_path / names[1]).write_bytes(b"x")
    assert structure.damage("model.safetensors.index.json") is None


@pytest.mark.parametrize("tag", ["global_step9", "../out", "", "a/b"])
def test_a_tag_of_deepspeed_that_names_no_folder(tmp_path: Path, tag: str) -> None:
    (tmp_path / "latest").write_text(tag)
    assert Structure(tmp_path).damage("latest") is not None


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
            return os.mkdir, (str(tmp_path / "trapped"),)

    (tmp_path / "a.pkl").write_bytes(pickle.dumps(Trap()))
    torch.save(Trap(), tmp_path / "a.pt")
    assert Structure(tmp_path).damage("a.pkl") is None
    assert Structure(tmp_path).damage("a.pt") is None
    assert not (tmp_path / "trapped").exists()


def test_a_file_that_has_vanished_and_one_that_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "f.pt").mkdir()
    structure = Structure(tmp_path)
    assert structure.damage("gone.pt") == "has vanished"
    assert "cannot be read" in (structure.damage("f.pt") or "")


def test_beyond_its_limits_it_says_how_many_it_did_not_look_at(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"x")
    structure = Structure(tmp_path, most_read=0)
    assert (structure.damage("a.pt"), structure.unchecked) == (None, 1)


def test_the_listing_keeps_to_the_folder_and_to_what_is_new(tmp_path: Path) -> None:
    inside, outside = tmp_path / "run", tmp_path / "outside"
    for place in (inside / "spool", inside / "out" / ".git", outside):
        place.mkdir(parents=True)
        (place / "ckpt.pt").touch()
    (inside / "link").symlink_to(outside)
    (inside / "ckpt_1.pt").symlink_to(outside / "ckpt.pt")
    (inside / "loop").symlink_to(inside)
    for name, second in (("old.ckpt", 1), ("new.ckpt", 3), ("new.png", 3)):
        (inside / "out" / name).touch()
        os.utime(inside / "out" / name, (second, second))
    found = listing(inside, since=2_000_000_000)
    assert [entry.path for entry in found.entries] == ["out/new.ckpt"]
    assert found.cut_off == ""


def test_of_a_crowded_folder_the_newest_files_are_kept(tmp_path: Path) -> None:
    for number in range(MOST_OF_FOLDER + 10):
        (tmp_path / f"{number}.pt").touch()
    os.utime(tmp_path / "5.pt", (9e9, 9e9))
    found = listing(tmp_path)
    assert len(found.entries) == MOST_OF_FOLDER
    assert max(found.entries, key=lambda entry: entry.changed).path == "5.pt"


def test_a_folder_that_is_too_slow_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.pt").touch()
    clock = iter([0.0, *[99.0] * 9])
    found = listing(tmp_path, clock=lambda: next(clock))
    assert found.entries == []
    assert "slow" in found.cut_off
