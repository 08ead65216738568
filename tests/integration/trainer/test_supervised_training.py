"""The built-in trainer under its supervisor: to its end, asked to leave, and refused."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from poll import eventually
from report_stand_in import ReportStandIn, report_stand_in
from tiny_training import TinySession, write_blobs

from trainyard_api.contract import ExitCode

TRAINING = {
    "task": "tabular-classification",
    "batchSize": 16,
    "logEverySteps": 1,
    "checkpointEvery": {"steps": 7},
    "model": {"architecture": "mlp", "parameters": {"hiddenSizes": [8]}},
}
TRAINER = (
    "import sys; from pathlib import Path; from trainyard_trainer.session import Paths, train_session\n"
    "sys.exit(train_session(Paths(*map(Path, sys.argv[1:]))))"
)


def started(tiny: TinySession) -> subprocess.Popen[bytes]:
    tiny.termination.touch()
    paths = (tiny.run_dir, tiny.folder, tiny.folder / "resume", tiny.termination)
    own = ("--run-dir", str(tiny.run_dir), "--termination-message", str(tiny.termination))
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "trainyard_supervisor", *own, "--"),
            *(sys.executable, "-c", TRAINER, *map(str, paths)),
        ],
        env={**tiny.environment(1), "TRAINYARD_GRACE_SECONDS": "60"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def session(folder: Path, gateway: ReportStandIn, **training: Any) -> TinySession:
    write_blobs(folder / "d" / "data.npz")
    return TinySession(folder, gateway.url, {**TRAINING, **training})


def streams(gateway: ReportStandIn, part: str) -> set[str]:
    return {key[2] for key, batch in gateway.batches.items() if batch.get(part)}


def test_a_training_to_its_end(tmp_path: Path) -> None:
    with report_stand_in() as gateway:
        tiny = session(tmp_path, gateway, epochs=3)
        code = started(tiny).wait(120)

    assert code == 0
    assert streams(gateway, "logs") == {"supervisor-0"}
    assert streams(gateway, "heartbeat") == {"rank-0"}


def test_a_training_that_is_asked_to_leave(tmp_path: Path) -> None:
    with report_stand_in() as gateway:
        tiny = session(tmp_path, gateway, epochs=100_000)
        process = started(tiny)
        eventually(lambda: gateway.rows(), within=60)
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)

    assert code == ExitCode.PREEMPTED
    said = json.loads(tiny.termination.read_text())
    assert (said["interrupted"], said["programExit"]) == (True, ExitCode.PREEMPTED)
    assert said["lastLogLines"] != []
    assert any((tiny.run_dir / "checkpoints").iterdir())


def test_a_training_that_is_refused_says_why_and_shows_its_last_lines(tmp_path: Path) -> None:
    with report_stand_in() as gateway:
        tiny = session(tmp_path, gateway, epochs=3, task="tabular-regression", loss="crossEntropy")
        tiny.dataset = "d/none.npz"
        code = started(tiny).wait(120)

    said = json.loads(tiny.termination.read_text())
    assert code == said["programExit"] != 0
    assert said["message"]
    assert said["lastLogLines"]
