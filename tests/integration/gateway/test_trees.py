"""Folders that sessions stage become versions of models, over HTTP: registered, listed, read, packed, deleted."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import shutil
import stat
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import bad_files
import httpx
import pytest
from cluster import unique
from gateway_lab import GatewayLab, Trainer
from poll import eventually
from staged_trees import StagedTree, manifest_of, stage

from trainyard_api import contract

pytestmark = pytest.mark.integration

FILES = {
    "config.json": b'{"layers": 2}',
    "weights/model.safetensors": b"\x01" * 100_000,
    "weights/copy.safetensors": b"\x01" * 100_000,
    "run.sh": b"#!/bin/sh\n",
    "empty": b"",
    "with space & 100%.txt": "ä".encode(),
}


@pytest.fixture
def run(lab: GatewayLab, trainer: Trainer) -> Path:
    """The folder of the trainer's session."""
    return lab.data / "runs" / trainer.session_uid


def stage_all(run: Path) -> StagedTree:
    links = {"latest": "weights/model.safetensors", "weights/up": "../config.json"}
    return stage(run, FILES, links, folders=("logs/none",), executable=("run.sh",))


def registered(trainer: Trainer, tree: StagedTree, name: str = "") -> dict[str, Any]:
    answer = trainer.post("tree", tree.report(trainer.session_uid, name or trainer.session))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_staged_tree_becomes_a_version_with_all_its_files(
    lab: GatewayLab, http: httpx.Client, trainer: Trainer, run: Path
) -> None:
    tree = stage_all(run)

    receipt = registered(trainer, tree)

    name = trainer.session
    assert receipt == {"name": name, "version": 1, "tree": tree.tree}
    info = http.get(f"/models/{name}/info").json()
    assert (info["kind"], info["files"], info["sha256"]) == ("tree", len(FILES), tree.tree)
    assert info["sizeBytes"] == sum(map(len, FILES.values()))
    assert info["flags"] == []
    assert info["card"]["session"] == {"name": name, "uid": trainer.session_uid, "attempt": 1}
    listed = http.get(f"/models/{name}/versions/1/files").json()
    assert (listed["kind"], listed["sha256"], listed["cursor"]) == ("tree", tree.tree, None)
    found = {f["path"]: f for f in listed["files"]}
    assert len(found) == len(FILES) + 3
    assert found["latest"] | {"name": ""} == {
        "name": "", "path": "latest", "kind": "link", "sizeBytes": 0, "sha256": None,
        "executable": False, "target": "weights/model.safetensors", "flags": [],
    }  # fmt: skip
    assert found["logs/none"]["kind"] == "folder"
    assert [p for p, f in found.items() if f["executable"]] == ["run.sh"]
    for entry in listed["files"]:
        if entry["kind"] == "file":
            answer = http.get(f"/models/{name}/versions/1/files/{entry['path']}")
            content = FILES[entry["name"]]
            assert answer.content == content
            assert answer.headers["etag"] == f'"{hashlib.sha256(content).hexdigest()}"'
            assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    # What the pod staged is no part of the registry: a pod that writes to it changes nothing.
    for path in (tree.folder / "files").rglob("*"):
        if path.is_file():
            path.write_bytes(b"other")
    assert http.get(f"/models/{name}/versions/1/files/config.json").content == FILES["config.json"]


def test_a_range_continues_a_download(http: httpx.Client, trainer: Trainer, run: Path) -> None:
    registered(trainer, stage_all(run))
    url = f"/models/{trainer.session}/versions/1/files/config.json"
    tag = http.get(url).headers["etag"]

    rest = http.get(url, headers={"Range": "bytes=5-", "If-Range": tag})

    assert (rest.status_code, rest.content) == (206, FILES["config.json"][5:])
    assert http.get(url, headers={"Range": "bytes=5-", "If-Range": '"0"'}).status_code == 200
    assert http.get(url, headers={"Range": "bytes=500-"}).status_code == 416


def test_an_archive_holds_the_files_and_names_the_links(
    http: httpx.Client, trainer: Trainer, run: Path
) -> None:
    registered(trainer, stage_all(run))
    place = f"/models/{trainer.session}/versions/1/archive"

    whole = zipfile.ZipFile(io.BytesIO(http.get(place).content))
    part = zipfile.ZipFile(io.BytesIO(http.get(place, params={"path": "weights/"}).content))

    assert whole.testzip() is None
    top = f"{trainer.session}-1"
    # `100%.txt` is no escape; what is one would be encoded.
    assert {n for n in whole.namelist() if n != "trainyard-notes.txt"} == {
        f"{top}/", f"{top}/logs/none/", *(f"{top}/{path}" for path in FILES)
    }  # fmt: skip
    assert {path: whole.read(f"{top}/{path}") for path in FILES} == FILES
    mode = whole.getinfo(f"{top}/run.sh").external_attr >> 16
    assert stat.S_IMODE(mode) == 0o755
    assert "latest: left out: it is a link to" in whole.read("trainyard-notes.txt").decode()
    assert {n for n in part.namelist() if n != "trainyard-notes.txt"} == {
        "weights/", "weights/model.safetensors", "weights/copy.safetensors"
    }  # fmt: skip


def test_pages_hold_every_entry(http: httpx.Client, trainer: Trainer, run: Path) -> None:
    files = {f"d{n % 3}/f{n:03d}": b"%d" % n for n in range(25)}
    registered(trainer, stage(run, files))
    place = f"/models/{trainer.session}/versions/1/files"

    def every(path: str) -> list[str]:
        seen, cursor = [], None
        while True:
            query = {"limit": 4, "path": path, **({"cursor": cursor} if cursor else {})}
            page = http.get(place, params=query).json()
            seen += [f["path"] for f in page["files"]]
            cursor = page["cursor"]
            if cursor is None:
                return seen

    assert every("") == sorted(files)
    assert every("d1") == sorted(path for path in files if path.startswith("d1/"))
    assert every("d1/f001") == ["d1/f001"]


def test_the_same_report_is_the_same_version_whatever_is_between(
    http: httpx.Client, trainer: Trainer, run: Path
) -> None:
    first, other = stage(run, {"a": b"1"}), stage(run, {"a": b"2"})

    assert registered(trainer, first)["version"] == 1
    assert registered(trainer, other)["version"] == 2
    assert registered(trainer, first)["version"] == 1
    shutil.rmtree(first.folder)
    assert registered(trainer, first)["version"] == 1
    report = stage(run, {"a": b"3"}).report(trainer.session_uid, trainer.session)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: trainer.post("tree", report), range(8)))
    assert {(a.status_code, a.json()["version"]) for a in answers} == {(201, 3)}


def test_names_are_the_sessions_own(lab: GatewayLab, http: httpx.Client, run: Path) -> None:
    with lab.client() as gateway:
        mine = gateway.start_training({"command": ["x"], "outputModel": "mine"}, unique("s"))
    trainer = lab.trainer(mine.uid, mine.name)
    other = lab.new_trainer()
    tree = stage(lab.data / "runs" / mine.uid, {"a": b"1"})
    foreign = stage(lab.data / "runs" / other.session_uid, {"b": b"1"})

    for name in (mine.name, other.session, "anything", f"{other.session}.best", f"{mine.name}-x"):
        answer = trainer.post("tree", tree.report(mine.uid, name))
        assert answer.status_code == 403, (name, answer.text)
        assert "spec.outputs" in answer.json()["detail"]
    assert registered(trainer, tree, "mine")["version"] == 1
    assert registered(trainer, tree, f"{mine.name}.best")["version"] == 1
    assert registered(other, foreign, f"{other.session}.best")["version"] == 1
    assert trainer.post("tree", foreign.report(other.session_uid, "mine")).status_code == 403


def test_a_name_below_the_sessions_that_is_an_upload_is_not_taken(
    lab: GatewayLab, http: httpx.Client, trainer: Trainer, run: Path
) -> None:
    content = bad_files.safetensors({"w": bad_files.tensor(0, 4)}, bytes(4))
    name = f"{trainer.session}.best"
    assert http.post("/models", params={"name": name}, content=content).status_code == 201

    answer = trainer.post("tree", stage(run, {"a": b"1"}).report(trainer.session_uid, name))

    assert answer.status_code == 403
    assert "upload or of another session" in answer.json()["detail"]


def spoil_manifest(tree: StagedTree) -> None:
    (tree.folder / contract.TREE_MANIFEST).write_bytes(b"{}")


def spoil_content(tree: StagedTree) -> None:
    (tree.folder / "files" / "a").write_bytes(b"2")


def shorten(tree: StagedTree) -> None:
    (tree.folder / "files" / "a").write_bytes(b"")


def link_out(tree: StagedTree) -> None:
    (tree.folder / "files" / "a").unlink()
    (tree.folder / "files" / "a").symlink_to("/etc/hostname")


def link_folder(tree: StagedTree) -> None:
    elsewhere = tree.folder / "elsewhere"
    (tree.folder / "files").rename(elsewhere)
    (tree.folder / "files").symlink_to(elsewhere)


def put_pipe(tree: StagedTree) -> None:
    (tree.folder / "files" / "a").unlink()
    os.mkfifo(tree.folder / "files" / "a")


def drop(tree: StagedTree) -> None:
    shutil.rmtree(tree.folder)


@pytest.mark.parametrize(
    "spoil", [spoil_manifest, spoil_content, shorten, link_out, link_folder, put_pipe, drop]
)
def test_what_is_not_as_reported_is_refused_and_leaves_nothing(
    lab: GatewayLab, http: httpx.Client, trainer: Trainer, run: Path, spoil: Any
) -> None:
    tree = stage(run, {"a": b"1"})
    spoil(tree)

    answer = trainer.post("tree", tree.report(trainer.session_uid, trainer.session))

    assert answer.status_code == 400, answer.text
    assert http.get(f"/models/{trainer.session}/versions").status_code == 404
    assert list((lab.data / "models" / ".incoming").iterdir()) == []


def test_a_manifest_that_leads_out_is_refused(lab: GatewayLab, trainer: Trainer, run: Path) -> None:
    for entries in (
        [{"path": "../a", "sha256": "0" * 64, "size": 1}],
        [{"path": "a", "target": "../../etc"}],
        [{"path": "/a", "sha256": "0" * 64, "size": 1}],
        [{"path": "a"}],
        [],
    ):
        text = json.dumps({"entries": entries}, sort_keys=True, separators=(",", ":")).encode()
        name = hashlib.sha256(text).hexdigest()
        folder = run / contract.ARTIFACTS / name
        folder.mkdir(parents=True)
        (folder / contract.TREE_MANIFEST).write_bytes(text)
        report = {
            "sessionUid": trainer.session_uid, "attempt": 1, "name": trainer.session,
            "tree": name, "files": 0, "sizeBytes": 0,
        }  # fmt: skip
        answer = trainer.post("tree", report)
        assert answer.status_code == 400, answer.text
        assert "manifest" in answer.json()["detail"]


def test_pickles_are_kept_and_flagged(
    lab: GatewayLab, http: httpx.Client, trainer: Trainer, run: Path
) -> None:
    files = {"model": pickle.dumps({"a": 1}), "old.pt": b"text", "notes.txt": b"plain"}
    registered(trainer, stage(run, files))

    info = http.get(f"/models/{trainer.session}/info").json()
    listed = http.get(f"/models/{trainer.session}/versions/1/files").json()["files"]

    assert info["flags"] == ["pickle"]
    assert {f["path"]: f["flags"] for f in listed} == {
        "model": ["pickle"], "notes.txt": [], "old.pt": ["pickle"]
    }  # fmt: skip
    assert http.get(f"/models/{trainer.session}/versions/1/files/model").content == files["model"]


def test_what_is_no_file_of_a_version_says_what_it_is(
    http: httpx.Client, trainer: Trainer, run: Path
) -> None:
    registered(trainer, stage_all(run))
    place = f"/models/{trainer.session}/versions/1"

    for path, status, word in (
        ("latest", 422, "link"),
        ("weights", 422, "folder"),
        ("nothing", 404, "nothing"),
        ("config.json/x", 404, "config.json/x"),
        ("../../etc/passwd", 404, ""),
        ("%2e%2e/%2e%2e/x", 404, ""),
    ):
        answer = http.get(f"{place}/files/{path}")
        assert answer.status_code == status, (path, answer.text)
        assert word in answer.json()["detail"]
    assert http.get(f"{place}/files", params={"path": "nothing"}).status_code == 404
    assert http.get(f"{place}/archive", params={"path": "config.json"}).status_code == 404
    assert http.get(f"/models/{trainer.session}/versions/2/files").status_code == 404
    answer = http.get(f"/models/{trainer.session}")
    assert answer.status_code == 422
    assert "versions/1/archive" in answer.json()["detail"]


def test_a_model_of_one_file_is_read_the_same_way(http: httpx.Client) -> None:
    content = bad_files.safetensors({"w": bad_files.tensor(0, 4)}, bytes(4))
    name = unique("m")
    assert http.post("/models", params={"name": name}, content=content).status_code == 201

    (one,) = http.get(f"/models/{name}/versions/1/files").json()["files"]

    assert (one["path"], one["sizeBytes"]) == (contract.MODEL_FILE, len(content))
    assert http.get(f"/models/{name}/versions/1/files/{one['path']}").content == content
    packed = zipfile.ZipFile(io.BytesIO(http.get(f"/models/{name}/versions/1/archive").content))
    assert packed.read(f"{name}-1/{contract.MODEL_FILE}") == content


def test_a_deleted_model_leaves_no_file(
    lab: GatewayLab, http: httpx.Client, trainer: Trainer, run: Path
) -> None:
    before = set((lab.data / "models").iterdir())
    registered(trainer, stage_all(run))
    assert len(set((lab.data / "models").iterdir()) - before) == 1

    assert http.delete(f"/models/{trainer.session}").status_code == 204

    assert set((lab.data / "models").iterdir()) == before
    assert http.get(f"/models/{trainer.session}/versions/1/files").status_code == 404


def test_the_status_names_the_outputs(
    lab: GatewayLab, http: httpx.Client, trainer: Trainer, run: Path
) -> None:
    registered(trainer, stage(run, {"a": b"1"}))
    tree = stage(run, {"a.pkl": b"22"})
    registered(trainer, tree)

    def named() -> Any:
        return http.get(f"/training/{trainer.session}/status").json()["status"].get("outputs")

    wanted = [
        {
            "name": trainer.session, "version": 2, "sha256": tree.tree, "files": 1,
            "sizeBytes": 2, "flags": ["pickle"],
        }
    ]  # fmt: skip
    eventually(lambda: named() == wanted, within=60, what="the outputs in the status")
    assert named() == wanted


def test_what_is_staged_is_not_among_the_files_of_the_session(
    http: httpx.Client, trainer: Trainer, run: Path
) -> None:
    stage(run, {"a": b"1"})
    (run / "work").mkdir()

    listed = http.get(f"/training/{trainer.session}/files").json()["files"]

    assert [f["path"] for f in listed] == ["work"]
    assert http.get(f"/training/{trainer.session}/files?path=.trainyard").status_code == 404


def test_an_equal_list_of_other_files_is_another_tree() -> None:
    assert manifest_of({"a": b"1"}).text() != manifest_of({"a": b"2"}).text()
