"""The supervisor starts a program in the copy of its bundle, or says in one sentence why not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from nasty_folders import make
from supervisor_lab import SupervisorLab, python

from trainyard.code.bundle import Limits, bundle
from trainyard_api import contract
from trainyard_api.contract import ExitCode

PROGRAM = "import os; print(os.getcwd(), open('a.txt').read()); open('made', 'w').close()"


@pytest.fixture
def lab(tmp_path: Path) -> SupervisorLab:
    """With the folder of a bundle, as the gateway lays it out."""
    make({"src/a.txt": "inside", "b.txt": "x"}, tmp_path / "folder")
    found = bundle(tmp_path / "folder", Limits(1 << 20, 100))
    contents = tmp_path / "bundle" / "contents"
    contents.mkdir(parents=True)
    (tmp_path / "bundle" / "manifest.json").write_bytes(found.text)
    for sha256, content in found.by_hash.items():
        (contents / sha256).write_bytes(content.path.read_bytes())
    lab = SupervisorLab(tmp_path)
    code = {"bundle": found.name, "workingDir": "src"}
    lab.environment[contract.ENV_RUN] = json.dumps({"uid": "uid", "attempt": 1, "code": code})
    return lab


def test_a_program_runs_in_the_copy_and_finds_it_again(lab: SupervisorLab) -> None:
    place = lab.folder / "work" / "src"
    first = lab.run(*python(PROGRAM))
    (place / "a.txt").write_text("changed")
    second = lab.run(*python(PROGRAM))

    assert (first.code, first.out.decode()) == (0, f"{place} inside\n")
    assert (second.code, second.out.decode()) == (0, f"{place} changed\n")
    assert (place / "made").exists()


def test_a_bundle_that_is_not_there_is_a_sentence_and_no_retry(lab: SupervisorLab) -> None:
    (lab.folder / "bundle" / "manifest.json").unlink()

    ended = lab.run(*python(PROGRAM))

    assert (ended.code, ended.out) == (ExitCode.BAD_CONFIGURATION, b"")
    assert ended.message["reason"] == "CodeMissing"
    assert "is not on the volume" in ended.message["message"]
    assert "trainyard run" in ended.message["hint"]


def test_a_damaged_content_is_a_sentence_and_no_retry(lab: SupervisorLab) -> None:
    for content in (lab.folder / "bundle" / "contents").iterdir():
        content.write_text("?")

    ended = lab.run(*python(PROGRAM))

    assert ended.code == ExitCode.BAD_CONFIGURATION
    assert ended.message["reason"] == "CodeDamaged"
    assert not (lab.folder / "work").exists()
