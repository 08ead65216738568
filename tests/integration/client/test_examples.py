"""The examples as people run them, against a real gateway; the test plays the operator and the trainers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from client_lab import IRIS, report, safetensors, set_phase
from cluster import ROOT
from command_line import CommandLine
from gateway_lab import GatewayLab
from poll import eventually

from trainyard.models import Session

pytestmark = pytest.mark.integration


def start(lab: GatewayLab, folder: Path, name: str, *arguments: str) -> subprocess.Popen[str]:
    env = CommandLine(folder / "home", lab.url, lab.key).env
    return subprocess.Popen(
        [sys.executable, str(ROOT / "examples" / name), *arguments],
        env={**env, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def open_sessions(lab: GatewayLab, number: int) -> list[Session]:
    """The unfinished sessions, once there are `number` of them."""
    with lab.client() as gateway:

        def found() -> list[Session] | None:
            unfinished = [s for s in gateway.sessions().sessions if not s.finished]
            return unfinished if len(unfinished) == number else None

        return eventually(found, what=f"{number} sessions")


def test_train_and_fetch(lab: GatewayLab, tmp_path: Path) -> None:
    data = tmp_path / "flowers.csv"
    data.write_text(IRIS)
    program = start(lab, tmp_path, "train_and_fetch.py", str(data))
    [session] = open_sessions(lab, 1)
    assert program.stdout is not None
    head = [program.stdout.readline(), program.stdout.readline()]
    report(lab, session, steps=10)
    weights = safetensors(tmp_path / "weights")
    with lab.client() as gateway:
        model = gateway.upload_model("flowers", weights)
    reference = {"name": model.name, "version": model.version, "sha256": model.sha256}
    set_phase(lab, session.name, "Succeeded", model=reference)

    out, err = program.communicate(timeout=60)

    assert (program.returncode, err) == (0, "")
    assert head[0] == "flowers: 6 samples\n"
    assert "step 10: " in out
    assert "Succeeded" in out
    assert (tmp_path / "flowers.safetensors").read_bytes() == weights.read_bytes()


def test_compare_runs(lab: GatewayLab, tmp_path: Path) -> None:
    data = tmp_path / "iris.csv"
    data.write_text(IRIS)
    with lab.client() as gateway:
        gateway.upload_dataset("iris", data)
    program = start(lab, tmp_path, "compare_runs.py", "iris")
    for steps, session in enumerate(open_sessions(lab, 3), start=1):
        report(lab, session, steps=steps)
        set_phase(lab, session.name, "Succeeded")

    out, err = program.communicate(timeout=60)

    assert (program.returncode, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == ["0.6667", "1.0000", "2.0000"]


def test_the_manifest(lab: GatewayLab, tmp_path: Path) -> None:
    data = tmp_path / "digits.csv"
    data.write_text(IRIS)
    cli = CommandLine(tmp_path / "home", lab.url, lab.key)
    cli.ok("datasets", "put", str(data))

    said = cli.ok("submit", "-f", str(ROOT / "examples" / "session.yaml"))

    assert "session digits-wide started in queue default" in said.out
