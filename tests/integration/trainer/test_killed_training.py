"""A training that is killed or asked to leave ends, once resumed, with the same bits as one that was not."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from poll import eventually
from report_stand_in import ReportStandIn, report_stand_in
from safetensors import safe_open
from tiny_training import TinySession, write_blobs

from trainyard_api import contract
from trainyard_api.contract import ExitCode

KILLS = int(os.environ.get("TRAINYARD_KILLS", "8"))
LATEST_KILL = 1.5
"""Seconds after its start in which an attempt is killed at the latest."""
PATIENCE = 120 + 20 * KILLS
"""Seconds for a whole training on a machine that does much else besides."""
SEED = int(os.environ.get("TRAINYARD_KILL_SEED", "4"))
TRAINING = {
    "task": "tabular-classification",
    "batchSize": 16,
    "logEverySteps": 1,
    "checkpointEvery": {"steps": 7},
    # Not every epoch is a new best one: each of those is one more checkpoint to write.
    "earlyStopping": {"patience": 1000, "minDelta": 0.01},
    "optimizer": "sgd",
    "learningRate": 1e-4,
    "model": {"architecture": "mlp", "parameters": {"hiddenSizes": [8], "dropout": 0.2}},
}


def session(folder: Path, gateway: ReportStandIn, **training: Any) -> TinySession:
    write_blobs(folder / "d" / "data.npz")
    return TinySession(folder, gateway.url, {**TRAINING, **training})


def weights(tiny: TinySession) -> dict[str, bytes]:
    with safe_open(tiny.run_dir / "output" / "model.safetensors", framework="pt") as file:
        return {name: file.get_tensor(name).numpy().tobytes() for name in file.keys()}  # noqa: SIM118 - no mapping


def steps_reported(gateway: ReportStandIn) -> int:
    return max((step for step, _, _ in gateway.rows()), default=0)


def epochs_for_all_kills(folder: Path) -> int:
    """So many that the run is not over before its last kill, however fast the machine is."""

    def seconds(epochs: int) -> float:
        with report_stand_in() as gateway:
            began = time.perf_counter()
            tiny = session(folder / str(epochs), gateway, epochs=epochs)
            code, output = tiny.finish(timeout=PATIENCE)
            assert code == 0, output
            return time.perf_counter() - began

    one = max(0.0005, (seconds(320) - seconds(20)) / 300)
    return 120 + int(1.5 * KILLS * LATEST_KILL / one)


@pytest.mark.timeout(600 + 3 * PATIENCE)
def test_a_run_killed_at_random_points_ends_with_the_bits_of_an_unbroken_one(
    tmp_path: Path,
) -> None:
    epochs = epochs_for_all_kills(tmp_path / "speed")
    with report_stand_in() as gateway:
        whole = session(tmp_path / "whole", gateway, epochs=epochs)
        code, output = whole.finish(timeout=PATIENCE)
        assert code == 0, output
        wanted_rows, wanted_weights = gateway.rows(), weights(whole)

    with report_stand_in() as gateway:
        broken = session(tmp_path / "broken", gateway, epochs=epochs)
        luck = random.Random(SEED)
        ends = [kill_somewhere(broken, attempt, luck) for attempt in range(1, KILLS + 1)]
        code, output = broken.finish(KILLS + 1, PATIENCE)

        assert code == 0, output
        assert "resumed at step" in output
        assert weights(broken) == wanted_weights
        assert gateway.rows() == wanted_rows
        assert not list((broken.run_dir / "checkpoints").glob("*.tmp"))
    sys.stdout.write(f"{Counter(ends)} with seed {SEED}, {epochs} epochs\n")


def kill_somewhere(tiny: TinySession, attempt: int, luck: random.Random) -> str:
    """SIGKILL an attempt at a random moment, every third time inside a checkpoint write; says where it was."""
    process = tiny.start(attempt)
    checkpoints = tiny.run_dir / "checkpoints"
    deadline = time.monotonic() + luck.uniform(0.05, LATEST_KILL)
    in_a_write = attempt % 3 == 0
    while time.monotonic() < deadline or in_a_write:
        if in_a_write and time.monotonic() > deadline and list(checkpoints.glob("*.tmp")):
            break
        if not process.process.is_alive():
            raise AssertionError(f"it ended before it was killed:\n…{process.output()[-5000:]}")
        time.sleep(0.0005)
    process.kill()
    if list(checkpoints.glob("*.tmp")):
        return "inside a checkpoint write"
    return "training" if "resumed" in process.output() or attempt == 1 else "starting"


def test_sigterm_saves_a_checkpoint_and_the_next_attempt_goes_on(
    tmp_path: Path, gateway: ReportStandIn
) -> None:
    tiny = session(tmp_path, gateway, epochs=5000, checkpointEvery={"epochs": 5000})
    process = tiny.start()
    eventually(lambda: steps_reported(gateway) > 20, within=60, every=0.01)
    os.kill(process.pid, signal.SIGTERM)
    code, output = process.wait(60)

    assert code == ExitCode.PREEMPTED, output
    records = list((tiny.run_dir / "checkpoints").glob("step-*.json"))
    assert len(records) == 1


def test_a_stop_while_the_gateway_is_away_stays_inside_the_grace_period(
    tmp_path: Path, gateway: ReportStandIn
) -> None:
    """Else the kubelet kills it, and a preemption looks like a failure."""
    tiny = session(tmp_path, gateway, epochs=50_000, checkpointEvery={"epochs": 50_000})
    process = tiny.start()
    eventually(lambda: steps_reported(gateway) > 20, within=60, every=0.01)
    gateway.answers = [503] * 10_000
    os.kill(process.pid, signal.SIGTERM)

    code, output = process.wait(contract.GRACE_SECONDS - 15)

    assert code == ExitCode.PREEMPTED, output
    assert list((tiny.run_dir / "spool").rglob("*.json")), "what was not delivered is kept"


def test_an_outage_of_the_gateway_loses_no_point(tmp_path: Path, gateway: ReportStandIn) -> None:
    gateway.answers = [503] * 3 + [500, 429, 401]
    tiny = session(tmp_path, gateway, epochs=40)

    code, output = tiny.finish()

    assert code == 0, output
    losses = [step for step, name, _ in gateway.rows() if name == "train/loss"]
    assert losses == list(range(1, len(losses) + 1))
    assert len(losses) == 40 * 3
    assert not list((tiny.run_dir / "spool").rglob("*.json"))
