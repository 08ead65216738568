"""What a session declares and what its program logs becomes versions in the registry of a real gateway."""

from __future__ import annotations

import hashlib
import json
import sys

import pytest
from cluster import unique
from gateway_lab import GatewayLab
from supervisor_lab import Ended, SupervisorLab

from trainyard_api import contract

pytestmark = pytest.mark.integration

PROGRAM = """
import os
import pickle
from pathlib import Path

import trainyard

trainyard.init(run_dir=Path.cwd())
os.makedirs("out/deep", exist_ok=True)
Path("out/notes.txt").write_text("as logged")
trainyard.log_artifact("out", name="early")
Path("out/notes.txt").write_text("at the end")
Path("out/deep/weights.pkl").write_bytes(pickle.dumps({"w": [1.0]}))
os.symlink("deep/weights.pkl", "out/latest")
os.symlink("/etc/hostname", "out/outside")
assert trainyard.finish(120)
"""


def run(
    lab: GatewayLab, name: str, outputs: list[dict[str, str]], told: list[dict[str, str]]
) -> Ended:
    """A session that declares `outputs`, in a pod that was told of the outputs `told`."""
    wish = {"name": name, "command": ["x"], "outputs": outputs}
    with lab.http() as http:
        answer = http.post("/training/start", json=wish)
        answer.raise_for_status()
        uid = str(answer.json()["uid"])
    folder = lab.data / "runs" / uid
    folder.mkdir(parents=True, exist_ok=True)
    pod = SupervisorLab(folder)
    (folder / "token").write_text(lab.trainer(uid, name).token)
    described = {"uid": uid, "attempt": 1, "session": name, "outputModel": name}
    pod.environment |= {
        contract.ENV_RUN: json.dumps({**described, "outputs": told}),
        contract.ENV_GATEWAY_URL: lab.url,
        contract.ENV_TOKEN_FILE: str(folder / "token"),
    }
    ended = pod.end(pod.start(sys.executable, "-c", PROGRAM), seconds=240)
    assert not (folder / contract.ARTIFACTS).exists()
    return ended


def test_trees_arrive_as_they_were_with_their_hashes(lab: GatewayLab) -> None:
    name, declared = unique("s"), unique("declared")
    outputs = [{"path": "out", "name": declared}]
    ended = run(lab, name, outputs, told=outputs)

    assert ended.code == 0, ended.err.decode()
    with lab.http() as http:
        early = http.get(f"/models/{name}.early/versions/1/files").json()
        listed = http.get(f"/models/{declared}/versions/1/files").json()
        kept = http.get(f"/models/{declared}/versions/1/files/notes.txt")
        [version] = http.get(f"/models/{declared}/versions").json()["models"]
    assert [e["path"] for e in early["files"]] == ["deep", "notes.txt"]
    assert {e["path"] for e in listed["files"]} == {"deep/weights.pkl", "latest", "notes.txt"}
    assert kept.text == "at the end"
    assert kept.headers["ETag"].strip('"') == hashlib.sha256(b"at the end").hexdigest()
    assert (version["kind"], version["files"], version["flags"]) == ("tree", 2, ["pickle"])


def test_a_name_of_another_session_is_refused_and_said(lab: GatewayLab) -> None:
    name, other = unique("s"), unique("other")
    ended = run(lab, name, [], told=[{"path": "out", "name": other}])

    assert ended.code == 0
    assert f"'{other}' is not registered".encode() in ended.err
    with lab.http() as http:
        assert http.get(f"/models/{other}/versions/1/files").status_code == 404
        assert http.get(f"/models/{name}.early/versions/1/files").status_code == 200
