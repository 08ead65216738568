"""When the record of an end counts."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from trainyard_api import contract
from trainyard_supervisor.ending.kept_end import KeptEnd, keep, kept
from trainyard_supervisor.settings import Attempt

END = KeptEnd("its own text", {"step": 7})


def attempt(number: int, workers: int = 1, uid: str = "uid") -> Attempt:
    return Attempt(uid, number, "http://gateway", Path("token"), workers=workers)


def record(run_dir: Path) -> Path:
    [file] = (run_dir / contract.ENDED).iterdir()
    return file


@pytest.mark.parametrize("end", [END, KeptEnd("")], ids=["an end", "nothing was said"])
def test_a_later_attempt_finds_what_was_kept(tmp_path: Path, end: KeptEnd) -> None:
    keep(tmp_path, attempt(2), 0, end)

    assert kept(tmp_path, attempt(3), 0) == end
    assert kept(tmp_path, attempt(12), 0) == end


NOT_COUNTED = [
    pytest.param(attempt(1), attempt(1), id="the same attempt"),
    pytest.param(attempt(2), attempt(1), id="a later one"),
    pytest.param(attempt(1, uid="other"), attempt(2), id="another session"),
    pytest.param(attempt(1, workers=2), attempt(2, workers=2), id="one worker of two"),
]


@pytest.mark.parametrize(("wrote", "reads"), NOT_COUNTED)
def test_what_is_not_the_end_of_an_earlier_attempt_counts_for_nothing(
    tmp_path: Path, wrote: Attempt, reads: Attempt
) -> None:
    assert kept(tmp_path, reads, 0) is None
    keep(tmp_path, wrote, 0, END)
    assert kept(tmp_path, reads, 0) is None


def test_all_workers_must_have_ended_in_one_attempt(tmp_path: Path) -> None:
    keep(tmp_path, attempt(1, workers=2), 0, END)
    keep(tmp_path, attempt(2, workers=2), 1, END)
    assert kept(tmp_path, attempt(3, workers=2), 0) is None

    keep(tmp_path, attempt(1, workers=2), 1, KeptEnd("of the other"))
    assert kept(tmp_path, attempt(3, workers=2), 0) == END
    assert kept(tmp_path, attempt(3, workers=2), 1) == KeptEnd("of the other")
    assert kept(tmp_path, attempt(3, workers=2), 2) is None


DAMAGED: list[Any] = [
    "",
    "{",
    "[]",
    "[" * 100_000,
    "null",
    json.dumps({"sessionUid": "uid", "message": "x"}),
    json.dumps({"sessionUid": "uid", "message": 3, "end": None}),
    json.dumps({"sessionUid": "uid", "message": "x", "end": {"step": "many"}}),
    json.dumps({"sessionUid": "uid", "message": "x", "end": [1]}),
    json.dumps({"sessionUid": "uid", "message": "x" * (1 << 20), "end": None}),
]


@pytest.mark.parametrize("text", DAMAGED, ids=lambda text: text[:40] or "empty")
def test_a_damaged_record_counts_for_nothing(tmp_path: Path, text: str) -> None:
    keep(tmp_path, attempt(1), 0, END)
    record(tmp_path).write_text(text)

    assert kept(tmp_path, attempt(2), 0) is None


def test_a_link_a_pipe_and_a_folder_count_for_nothing(tmp_path: Path) -> None:
    keep(tmp_path, attempt(1), 0, END)
    file = record(tmp_path)
    elsewhere = file.rename(tmp_path / "elsewhere")
    file.symlink_to(elsewhere)
    assert kept(tmp_path, attempt(2), 0) is None
    file.unlink()
    file.mkdir()
    assert kept(tmp_path, attempt(2), 0) is None
    file.rmdir()
    os.mkfifo(file)
    assert kept(tmp_path, attempt(2), 0) is None


def test_nothing_is_kept_beside_the_record(tmp_path: Path) -> None:
    for _ in range(2):
        keep(tmp_path, attempt(1), 0, END)
    assert record(tmp_path).name == "000001-0.json"
