"""Sessions that start from another's checkpoint, and people's own programs with the reporting API."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from report_stand_in import ReportStandIn
from safetensors.numpy import load_file
from tiny_training import TinySession, write_blobs

from trainyard_api import contract
from trainyard_api.contract import ExitCode

TRAINING: dict[str, Any] = {
    "task": "tabular-classification",
    "epochs": 5,
    "batchSize": 16,
    "learningRate": 0.01,
    "keepCheckpoints": 10,
    "logEverySteps": 1,
    "model": {"architecture": "mlp", "parameters": {"hiddenSizes": [8]}},
}


def fork_of(parent: TinySession, folder: Path, checkpoint: str, **training: Any) -> tuple[int, str]:
    write_blobs(folder / "d" / "data.npz")
    shutil.copytree(parent.run_dir / "checkpoints", folder / "resume" / "checkpoints")
    child = TinySession(folder, parent.gateway_url, {**TRAINING, **training})
    origin = {"session": "parent", "sessionUid": "uid-parent", "checkpoint": checkpoint}
    run = json.loads(child.environment(1)[contract.ENV_RUN]) | {"resumeFrom": origin}
    return child.start(1, **{contract.ENV_RUN: json.dumps(run)}).wait()


@pytest.fixture
def parent(tmp_path: Path, gateway: ReportStandIn) -> TinySession:
    write_blobs(tmp_path / "parent" / "d" / "data.npz")
    tiny = TinySession(tmp_path / "parent", gateway.url, TRAINING)
    code, output = tiny.finish()
    assert code == 0, output
    return tiny


@pytest.mark.parametrize("checkpoint", ["latest", "best", "step-6"])
def test_a_fork_begins_with_the_weights_of_the_checkpoint(
    tmp_path: Path, gateway: ReportStandIn, parent: TinySession, checkpoint: str
) -> None:
    first_of_parent = next(v for s, n, v in gateway.rows() if (s, n) == (1, "train/loss"))
    gateway.batches.clear()
    code, output = fork_of(parent, tmp_path / "child", checkpoint, epochs=1)

    assert code == 0, output
    assert "forked from parent at step" in output
    rows = gateway.rows()
    assert {step for step, _, _ in rows} == {1, 2, 3}
    assert next(v for s, n, v in rows if (s, n) == (1, "train/loss")) < first_of_parent
    assert gateway.models[-1]["card"]["resumedFrom"]["session"] == "parent"
    wanted = load_file(parent.run_dir / "output" / "model.safetensors")
    found = load_file(tmp_path / "child" / "run" / "output" / "model.safetensors")
    assert wanted.keys() == found.keys()


def test_a_fork_of_nothing_says_so(tmp_path: Path, parent: TinySession) -> None:
    code, output = fork_of(parent, tmp_path / "child", "step-7")

    assert code == ExitCode.CHECKPOINT_MISSING
    assert "session 'parent' has no checkpoint 'step-7'" in output


def test_a_fork_with_another_model_says_so(tmp_path: Path, parent: TinySession) -> None:
    other = {"architecture": "mlp", "parameters": {"hiddenSizes": [9]}}
    code, output = fork_of(parent, tmp_path / "child", "latest", model=other)

    assert code == ExitCode.BAD_CONFIGURATION
    assert "another model" in output


OWN_PROGRAM = """
import sys
from pathlib import Path
import trainyard

trainyard.init(total_steps=20, run_dir=Path(sys.argv[1]))
for step in range(1, 21):
    trainyard.log({"my/loss": 1 / step}, step=step)
print("half of what I wanted to say")
trainyard.checkpoint("step-20", step=20, size_bytes=3)
print("torch" in sys.modules, "httpx" in sys.modules, "pydantic" in sys.modules)
sys.exit(0 if trainyard.finish() else 1)
"""


def test_an_own_program_reports_like_the_trainer(tmp_path: Path, gateway: ReportStandIn) -> None:
    tiny = TinySession(tmp_path, gateway.url, {})
    run = json.loads(tiny.environment(1)[contract.ENV_RUN]) | {"training": None, "dataset": None}
    ended = subprocess.run(
        [sys.executable, "-c", OWN_PROGRAM, str(tiny.run_dir)],
        env=tiny.environment(1) | {contract.ENV_RUN: json.dumps(run)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    assert gateway.rows() == [(s, "my/loss", 1 / s) for s in range(1, 21)]
    # Nothing heavy comes with the reporting API.
    assert ended.stdout.splitlines() == ["half of what I wanted to say", "False False False"]
    assert gateway.lines() == []
    reports = [b["checkpoint"] for b in gateway.batches.values() if "checkpoint" in b]
    assert [(r["name"], r["step"], r["sizeBytes"]) for r in reports] == [("step-20", 20, 3)]


def test_an_own_program_runs_outside_a_session_too(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", OWN_PROGRAM, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    assert not list(tmp_path.iterdir())
