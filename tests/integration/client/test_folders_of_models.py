"""A model that is a folder comes back as it was, by the command line: hashes checked, continued after a cut."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

import bad_files
import httpx
import pytest
from cluster import unique
from command_line import CommandLine
from cutting_proxy import CuttingProxy
from gateway_lab import GatewayFactory, GatewayLab, Trainer
from poll import eventually
from staged_trees import stage

from trainyard.client import Client
from trainyard.errors import BadAnswer

pytestmark = pytest.mark.integration

FILES = {
    "config.json": b"{}",
    "weights/a.bin": b"a" * 3_000_000,
    "weights/b.bin": b"b" * 10,
    "weights/same.bin": b"b" * 10,
    "run.sh": b"#!/bin/sh\n",
    "trainer state.pkl": b"\x80\x04K\x01.",
    "100%.txt": "ä".encode(),
}
LINKS = {"latest": "weights/a.bin", "weights/up": "../config.json"}


@pytest.fixture(scope="module")
def lab(gateway_factory: GatewayFactory) -> GatewayLab:
    return gateway_factory()


@pytest.fixture
def trainer(lab: GatewayLab) -> Trainer:
    """A trainer of a new session."""
    return lab.new_trainer()


@pytest.fixture
def model(lab: GatewayLab, trainer: Trainer) -> str:
    """A registered folder."""
    run = lab.data / "runs" / trainer.session_uid
    tree = stage(run, FILES, LINKS, folders=("logs/none",), executable=("run.sh",))
    answer = trainer.post("tree", tree.report(trainer.session_uid, trainer.session))
    assert answer.status_code == 201, answer.text
    return trainer.session


@pytest.fixture
def cli(lab: GatewayLab, tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "home", lab.url, lab.key)


def is_whole(folder: Path) -> bool:
    links = {path: str((folder / path).readlink()) for path in LINKS}
    return (
        {path: (folder / path).read_bytes() for path in FILES} == FILES
        and links == LINKS
        and (folder / "logs" / "none").is_dir()
        and os.access(folder / "run.sh", os.X_OK)
        and not os.access(folder / "config.json", os.X_OK)
    )


def test_a_folder_comes_back_as_it_was(model: str, cli: CommandLine, tmp_path: Path) -> None:
    into = tmp_path / "model"

    first = cli.run("models", "get", model, str(into))
    changed = into / "weights" / "b.bin"
    again = cli.run("models", "get", model, str(into))
    changed.write_bytes(b"mine")
    third = cli.run("models", "get", model, str(into))

    assert (first.code, again.code) == (0, 0), first.err + again.err
    assert "holds pickles: loading one runs the code in it" in first.err
    assert f"model {model} version 1, hashes checked: 7 files" in first.err + first.out
    assert third.code == 6
    assert "is there with other content, which stays" in third.err
    assert changed.read_bytes() == b"mine"
    changed.write_bytes(FILES["weights/b.bin"])
    assert is_whole(into)
    assert not (into / ".trainyard-parts").exists()


def test_lists_say_what_is_in_it(model: str, cli: CommandLine) -> None:
    files = cli.run("models", "files", model)
    part = cli.run("models", "files", model, "./weights/", "-o", "json").json
    info = cli.run("models", "info", model)
    listed = cli.run("models", "ls", "-o", "wide")

    assert files.code == 0, files.err
    assert "latest -> weights/a.bin" in files.out
    assert "logs/none/" in files.out
    assert [line for line in files.out.splitlines() if "pickle" in line] == [
        line for line in files.out.splitlines() if line.startswith("trainer state.pkl")
    ]
    assert [f["name"] for f in part["files"]] == [
        "weights/a.bin", "weights/b.bin", "weights/same.bin", "weights/up"
    ]  # fmt: skip
    assert part["files"][1]["sha256"] == hashlib.sha256(b"b" * 10).hexdigest()
    assert "tree" in info.out
    assert "pickle" in info.out
    assert model in listed.out


def test_a_download_that_is_cut_is_continued(lab: GatewayLab, model: str, tmp_path: Path) -> None:
    cuts = [4_000_000, 1_000_000, 500_000, 300]
    with CuttingProxy(lab.port, cuts) as proxy, Client(proxy.url, lab.key) as client:
        fetched = client.trees.fetch(model, 1, tmp_path / "model")

    assert fetched.files == len(FILES)
    assert fetched.not_whole == []
    assert is_whole(tmp_path / "model")


def test_a_list_that_is_not_the_versions_is_refused(tmp_path: Path) -> None:
    entry = {"name": "../x", "path": "../x", "kind": "file", "sizeBytes": 1, "sha256": "0" * 64}
    page = {"name": "m", "version": 1, "kind": "tree", "sha256": "1" * 64, "cursor": None}

    for listed in (
        [entry],
        [{**entry, "path": "x"}],
        [],
        [{**entry, "path": "a", "kind": "link", "target": "/etc"}],
    ):
        body = {**page, "files": listed}
        transport = httpx.MockTransport(lambda _, body=body: httpx.Response(200, json=body))  # type: ignore[misc]  # bound here
        with (
            Client("http://h", "k", transport=transport) as client,
            pytest.raises(BadAnswer, match="changed or damaged"),
        ):
            client.trees.fetch("m", 1, tmp_path / "model")

    assert not (tmp_path / "model").exists()
    assert not (tmp_path / "x").exists()


def test_a_file_where_a_folder_should_go_is_refused(
    model: str, cli: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "here").write_text("x")

    said = cli.run("models", "get", model, str(tmp_path / "here"))

    assert said.code == 2
    assert "give another one" in said.err


def test_a_session_says_what_it_has_registered(
    lab: GatewayLab, model: str, cli: CommandLine
) -> None:
    def shown() -> str:
        return cli.run("status", model).out

    line = f"{model} version 1, 7 files"
    eventually(lambda: line in shown(), within=60, what="the outputs in the status")

    assert "pickle" in shown()


def test_an_archive_of_a_part(lab: GatewayLab, model: str, tmp_path: Path) -> None:
    with lab.client() as client:
        made = client.trees.archive(model, 1, "weights", tmp_path / "w.zip")

    with zipfile.ZipFile(made) as archive:
        assert archive.read("weights/a.bin") == FILES["weights/a.bin"]


def test_one_file_is_still_one_file(lab: GatewayLab, cli: CommandLine, tmp_path: Path) -> None:
    content = bad_files.safetensors({"w": bad_files.tensor(0, 4)}, bytes(4))
    name = unique("m")
    (tmp_path / "w.safetensors").write_bytes(content)
    assert cli.run("models", "put", str(tmp_path / "w.safetensors"), "--name", name).code == 0

    said = cli.run("models", "get", name, str(tmp_path / "back.safetensors"))

    assert said.code == 0, said.err
    assert (tmp_path / "back.safetensors").read_bytes() == content
    assert "model.safetensors" in cli.run("models", "files", name).out
