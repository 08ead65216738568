"""A folder becomes a session: what runs in the pod is the folder, and it may write where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from cluster import unique
from command_line import CommandLine
from installation import Installation
from nasty_folders import make
from poll import eventually

from trainyard.client import Client

pytestmark = pytest.mark.e2e

SMALL = ("--gpus", "0", "--cpu", "200m", "--memory", "192Mi")
TRAIN = """
import os, pathlib, sys
from pkg import answer

notes = pathlib.Path("out/notes.txt")
print("attempt", 2 if notes.exists() else 1, os.getcwd(), flush=True)
print("the answer is", answer, sys.argv[1:], open("latest").read(), flush=True)
print("step 1/1", flush=True)
pathlib.Path("train.log").write_text("written beside the program")
if not notes.exists():
    notes.write_text("kept")
    sys.exit(3)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "folder"
    make(
        {
            "src/train.py": TRAIN,
            "src/pkg/__init__.py": "answer = 42\n",
            "src/out": None,
            "src/data.csv": "1",
            ".gitignore": "*.csv\n",
            "notes.md": "x",
        },
        place,
    )
    (place / "src" / "latest").symlink_to("../notes.md")
    return place


@pytest.fixture
def cli(installation: Installation, gateway: Client, tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "home", installation.url, installation.key)


def test_a_folder_runs_is_kept_over_attempts_and_comes_back(
    cli: CommandLine, folder: Path, tmp_path: Path
) -> None:
    name = unique("folder")
    retry = ("--set", "retry.limit=1", "--set", "retry.backoffSeconds=1")

    said = cli.ok(
        "run", "--folder", str(folder), "--working-dir", "src", "--name", name, *SMALL, *retry,
        "--", "python3", "train.py", "--lr", "1",
    )  # fmt: skip

    lines = said.out.splitlines()
    assert "attempt 1 /data/run/work/src" in lines
    assert "attempt 2 /data/run/work/src" in lines
    assert lines.count("the answer is 42 ['--lr', '1'] x") == 2
    cli.ok("code", "get", name, str(tmp_path / "back"))
    assert (tmp_path / "back" / "src" / "train.py").read_text() == TRAIN
    assert not (tmp_path / "back" / "src" / "data.csv").exists()
    assert not (tmp_path / "back" / "src" / "train.log").exists()


def test_a_session_by_kubectl_waits_for_its_bundle(
    installation: Installation, gateway: Client, folder: Path
) -> None:
    name = unique("later")
    # The content of the other test's folder is there already.
    (folder / "name.txt").write_text(name)
    bundle = gateway.code.read(folder)
    spec = {
        "command": ["python3", "-c", "print(open('notes.md').read())"],
        "code": {"bundle": bundle.name},
        "resources": {"gpus": 0, "cpu": "200m", "memory": "192Mi"},
    }
    body = {"apiVersion": "trainyard.io/v1alpha1", "kind": "TrainingSession"}
    installation.kubectl(
        "create", "-f", "-", manifest={**body, "metadata": {"name": name}, "spec": spec}
    )
    eventually(
        lambda: "is not there" in (gateway.status(name).status.message or ""),
        within=60,
        what="the session waiting for its bundle",
    )

    gateway.code.push(bundle)

    eventually(lambda: gateway.status(name).finished, within=180, what="the session's end")
    assert [line.message for line in gateway.logs(name).lines] == ["x"]
