"""A program of people's own registers its model with a real gateway, as a trainer pod of its session."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from gateway_lab import GatewayLab

from trainyard_api import contract

pytestmark = pytest.mark.integration

PROGRAM = """
import json
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

import trainyard
from trainyard.reporting import ModelDeniedError

trainyard.init(run_dir=Path(sys.argv[1]))
for version in (1, 1, 2):
    save_file({"w": np.full(3, version, np.float32)}, "model.safetensors")
    receipt = trainyard.log_model("model.safetensors", metrics={"val/loss": 1 / version})
    print("REGISTERED", json.dumps(receipt), flush=True)
sys.exit(0 if trainyard.finish() else 1)
"""


def start(lab: GatewayLab, name: str, model: str | None = None) -> str:
    wish = {"name": name, "command": ["x"]} | ({"outputModel": model} if model else {})
    with lab.http() as http:
        answer = http.post("/training/start", json=wish)
        answer.raise_for_status()
        return str(answer.json()["uid"])


def run_program(
    lab: GatewayLab, folder: Path, uid: str, token: str, model: str = "mine"
) -> subprocess.CompletedProcess[str]:
    (folder / "token").write_text(token)
    run = {
        "session": "s",
        "namespace": lab.namespace,
        "uid": uid,
        "attempt": 1,
        "outputModel": model,
    }
    environment = {
        contract.ENV_RUN: json.dumps(run),
        contract.ENV_GATEWAY_URL: lab.url,
        contract.ENV_TOKEN_FILE: str(folder / "token"),
    }
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(lab.data / "runs" / uid)],
        env=os.environ | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_program_registers_versions_of_its_model(lab: GatewayLab, tmp_path: Path) -> None:
    uid = start(lab, "s", "mine")
    ended = run_program(lab, tmp_path, uid, lab.trainer(uid, "s").token)

    assert ended.returncode == 0, ended.stderr
    said = [line for line in ended.stdout.splitlines() if line.startswith("REGISTERED ")]
    receipts = [json.loads(line.removeprefix("REGISTERED ")) for line in said]
    # The same file again is the same version.
    assert [(r["name"], r["version"]) for r in receipts] == [("mine", 1), ("mine", 1), ("mine", 2)]
    with lab.http() as http:
        found = http.get("/models/mine/info").json()
        content = http.get("/models/mine").content
    assert found["sessionUid"] == uid
    assert found["card"]["metrics"] == {"val/loss": 0.5}
    assert found["sha256"] == receipts[-1]["sha256"]
    assert content == (tmp_path / "model.safetensors").read_bytes()


def test_a_token_of_another_session_registers_nothing(lab: GatewayLab, tmp_path: Path) -> None:
    own, other = start(lab, "own"), start(lab, "other")
    ended = run_program(lab, tmp_path, own, lab.trainer(other, "other").token, "stolen")

    assert "ModelDeniedError" in ended.stderr
    with lab.http() as http:
        assert "stolen" not in [model["name"] for model in http.get("/models").json()["models"]]
