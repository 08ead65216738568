"""Files are fetched while a real program writes, replaces and removes them: what counts as whole is whole."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from client_lab import submit
from gateway_lab import GatewayFactory, GatewayLab
from poll import eventually

pytestmark = pytest.mark.integration

SIZE = 3 << 20
PROGRAM = """
import itertools, os, shutil, sys
os.chdir(sys.argv[1])
size = int(sys.argv[2])
for number in itertools.count(1):
    letter = bytes([97 + number % 26])
    with open("state.pt", "wb", buffering=0) as file:  # as torch.save: truncated, written again
        for _ in range(64):
            file.write(letter * (size // 64))
    with open("new", "wb") as file:  # replaced atomically
        file.write(letter * size)
    os.replace("new", "replaced.pt")
    os.makedirs(f"checkpoint-{number}")
    with open(f"checkpoint-{number}/model.bin", "wb") as file:
        file.write(letter * size)
    shutil.rmtree(f"checkpoint-{number - 3}", ignore_errors=True)  # save_total_limit
    with open("log.txt", "a") as file:
        file.write(f"step {number}\\n")
"""


@pytest.fixture(scope="module")
def lab(gateway_factory: GatewayFactory) -> GatewayLab:
    return gateway_factory()


@pytest.fixture(scope="module")
def run(lab: GatewayLab) -> Iterator[Path]:
    """The folder of the session `writes`, whose program runs."""
    session = submit(lab, "writes")
    run = lab.data / "runs" / session.uid
    run.mkdir(parents=True)
    (run / "settled.bin").write_bytes(b"s" * 100)
    program = subprocess.Popen([sys.executable, "-c", PROGRAM, str(run), str(SIZE)])
    eventually(lambda: len(list(run.glob("checkpoint-*"))) >= 3, what="checkpoints")
    yield run
    program.kill()
    program.wait()


def is_whole(path: Path) -> bool:
    content = path.read_bytes()
    return len(content) == SIZE and content == content[:1] * SIZE


def test_what_counts_as_whole_is_whole(lab: GatewayLab, run: Path, tmp_path: Path) -> None:
    said_torn = 0
    for number in range(4):
        folder = tmp_path / str(number)
        with lab.client() as client:
            fetched = client.files.fetch("writes", "", folder)
        left = [p for p in folder.rglob("*") if p.suffix in (".pt", ".bin") and p.stat().st_size]
        named = " ".join(fetched.not_whole)
        assert (folder / "settled.bin").read_bytes() == b"s" * 100
        for path in left:
            inside = path.relative_to(folder).as_posix()
            said_torn += inside in named
            assert inside in named or inside == "settled.bin" or is_whole(path), inside

    assert said_torn
    assert not list(tmp_path.rglob(".trainyard-parts"))


def test_an_archive_says_what_changed_while_it_was_made(
    lab: GatewayLab, run: Path, tmp_path: Path
) -> None:
    for number in range(4):
        with lab.client() as client:
            made = client.files.archive("writes", "", tmp_path / f"{number}.zip")
        with zipfile.ZipFile(made) as archive:
            assert archive.testzip() is None
            names = set(archive.namelist())
            notes = ""
            if "trainyard-notes.txt" in names:
                notes = archive.read("trainyard-notes.txt").decode()
            for name in names:
                inside = name.partition("/")[2]
                if inside.endswith(".pt") or inside.endswith("model.bin"):
                    content = archive.read(name)
                    whole = len(content) == SIZE and content == content[:1] * SIZE
                    assert whole or f"{inside}: " in notes, inside
