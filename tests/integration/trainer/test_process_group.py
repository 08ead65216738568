"""Several workers by gloo, under the environment that the operator gives to pods."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from poll import eventually
from ports import free_port
from report_stand_in import ReportStandIn, report_stand_in
from safetensors.numpy import load_file
from tiny_training import Attempt, TinySession, write_blobs

from trainyard_api import contract
from trainyard_api.contract import ExitCode

MLP = {
    "task": "tabular-classification",
    "epochs": 6,
    # 48 training rows: the last batch has 3 rows for 2 workers.
    "batchSize": 15,
    "logEverySteps": 1,
    "gradientClip": 0.5,
    "model": {"architecture": "mlp", "parameters": {"hiddenSizes": [8]}},
}
CNN = {
    "task": "image-classification",
    "epochs": 3,
    "batchSize": 9,
    "model": {"architecture": "cnn", "parameters": {"channels": [4, 6]}},
}
TEXT = {
    "task": "language-modeling",
    "epochs": 2,
    "batchSize": 5,
    "model": {
        "architecture": "transformer",
        "parameters": {"layers": 1, "heads": 2, "embeddingSize": 16, "contextLength": 8},
    },
}


def session(folder: Path, url: str, training: dict[str, Any]) -> TinySession:
    place = folder / "d"
    place.mkdir(parents=True)
    match training["task"]:
        case "tabular-classification":
            write_blobs(place / "data.npz")
        case "image-classification":
            random, labels = np.random.default_rng(0), np.arange(40) % 2
            images = random.integers(0, 90, (40, 8, 8)) + 90 * labels[:, None, None]
            np.savez(place / "data.npz", x=images.astype(np.uint8), y=labels)
        case _:
            (place / "data.npz").write_text("she sells sea shells by the sea shore. " * 12)
    kind = "text" if training["task"] == "language-modeling" else "npz"
    return TinySession(folder, url, training, file_format=kind)


def start_gang(tiny: TinySession, workers: int, attempt: int = 1) -> list[Attempt]:
    port = str(free_port())
    run = json.loads(tiny.environment(attempt)[contract.ENV_RUN]) | {"workers": workers}
    return [
        tiny.start(
            attempt,
            RANK=str(rank),
            WORLD_SIZE=str(workers),
            MASTER_ADDR="127.0.0.1",
            MASTER_PORT=port,
            **{contract.ENV_RUN: json.dumps(run), contract.ENV_COMPLETION_INDEX: str(rank)},
        )
        for rank in range(workers)
    ]


POD = """
import sys
from pathlib import Path
from trainyard_trainer.session import Paths, train_pod

if __name__ == "__main__":
    *paths, processes = sys.argv[1:]
    sys.exit(train_pod(Paths(*map(Path, paths)), int(processes)))
"""


@dataclass
class Pod:
    """A pod's first process, with those that it starts."""

    process: subprocess.Popen[bytes]
    log: Path

    def wait(self, timeout: float = 120) -> tuple[int, str]:
        """Exit code and output once it has ended."""
        try:
            return self.process.wait(timeout), self.log.read_text()
        finally:
            self.process.kill()

    def local(self) -> list[psutil.Process]:
        """Its local processes by rank: grandchildren, since a server process forks them."""
        servers = psutil.Process(self.process.pid).children()
        found = [process for server in servers for process in server.children()]
        return sorted(found, key=lambda p: (p.create_time(), p.pid))


def start_pods(tiny: TinySession, pods: int, processes: int, attempt: int = 1) -> list[Pod]:
    port = str(free_port())
    environment = tiny.environment(attempt)
    run = json.loads(environment[contract.ENV_RUN]) | {"workers": pods, "gpus": processes}
    paths = (tiny.run_dir, tiny.folder, tiny.folder / "resume", tiny.termination)
    started = []
    for index in range(pods):
        log = tiny.folder / f"pod-{attempt}-{index}.log"
        # A pod that is alone gets none of it from the operator, but here it shares the port with others.
        ours = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, contract.ENV_RUN: json.dumps(run)}
        if pods > 1:
            ours |= {"RANK": str(index), "WORLD_SIZE": str(pods)}
            ours |= {contract.ENV_COMPLETION_INDEX: str(index)}
        with log.open("wb") as sink:
            process = subprocess.Popen(
                [sys.executable, "-c", POD, *map(str, paths), str(processes)],
                env=environment | ours,
                stdout=sink,
                stderr=sink,
            )
        started.append(Pod(process, log))
    return started


def weights(tiny: TinySession) -> dict[str, Any]:
    return load_file(tiny.run_dir / "output" / "model.safetensors")


@pytest.mark.parametrize(
    ("training", "workers"),
    [
        pytest.param(MLP, 2, id="mlp on two"),
        pytest.param(MLP, 3, id="mlp on three"),
        pytest.param(CNN, 2, id="cnn with batch normalisation"),
        pytest.param(TEXT, 2, id="transformer"),
    ],
)
def test_the_same_global_batch_gives_the_result_of_one_process(
    tmp_path: Path, training: dict[str, Any], workers: int
) -> None:
    with report_stand_in() as gateway:
        alone = session(tmp_path / "alone", gateway.url, training)
        code, output = alone.finish()
        assert code == 0, output
        wanted = gateway.rows()
    with report_stand_in() as gateway:
        together = session(tmp_path / "together", gateway.url, training)
        for attempt in start_gang(together, workers):
            code, output = attempt.wait()
            assert code == 0, output
        found = gateway.rows()
        models = len(gateway.models)

    for name, values in weights(alone).items():
        np.testing.assert_allclose(weights(together)[name], values, atol=1e-5, rtol=1e-5)
    assert [r[:2] for r in found] == [r[:2] for r in wanted]
    np.testing.assert_allclose([r[2] for r in found], [r[2] for r in wanted], atol=1e-4)
    assert models == 1


def test_only_rank_0_reports_metrics_and_saves(tmp_path: Path, gateway: ReportStandIn) -> None:
    tiny = session(tmp_path, gateway.url, MLP)
    for attempt in start_gang(tiny, 2):
        assert attempt.wait()[0] == 0
    others = [b for key, b in gateway.batches.items() if key[2] != "rank-0"]

    assert [b["metrics"] for b in others] == [[]] * len(others)
    assert not any("checkpoint" in b or "heartbeat" in b for b in others)
    assert {line["rank"] for b in others for line in b["logs"]} <= {1}
    assert len(list((tiny.run_dir / "output").glob("*.safetensors"))) == 1


@pytest.mark.parametrize("dies", [0, 1])
def test_a_dead_worker_ends_the_others_and_the_next_gang_goes_on(
    tmp_path: Path, gateway: ReportStandIn, dies: int
) -> None:
    tiny = session(tmp_path, gateway.url, {**MLP, "epochs": 4000})
    workers = start_gang(tiny, 2)
    eventually(lambda: any(step > 20 for step, _, _ in gateway.rows()), within=60, every=0.05)
    workers[dies].kill()

    code, output = workers[1 - dies].wait(60)
    assert code == ExitCode.WORKER_LOST, output

    second = start_gang(tiny, 2, attempt=2)
    eventually(lambda: "resumed at step" in second[0].output(), within=60, every=0.05)
    os.kill(second[0].pid, signal.SIGTERM)
    # One worker was asked; both leave after the same step.
    assert [w.wait(60)[0] for w in second] == [ExitCode.PREEMPTED] * 2


def test_a_gang_that_was_suspended_ends_with_the_bits_of_one_that_was_not(tmp_path: Path) -> None:
    sizes = {"architecture": "mlp", "parameters": {"hiddenSizes": [8], "dropout": 0.3}}
    training = {**MLP, "epochs": 80, "model": sizes}
    with report_stand_in() as gateway:
        whole = session(tmp_path / "whole", gateway.url, training)
        assert [w.wait()[0] for w in start_gang(whole, 2)] == [0, 0]
    with report_stand_in() as gateway:
        broken = session(tmp_path / "broken", gateway.url, training)
        workers = start_gang(broken, 2)
        eventually(lambda: any(s > 30 for s, _, _ in gateway.rows()), within=60, every=0.02)
        os.kill(workers[1].pid, signal.SIGTERM)
        assert [w.wait()[0] for w in workers] == [ExitCode.PREEMPTED] * 2
        assert [w.wait()[0] for w in start_gang(broken, 2, attempt=2)] == [0, 0]

    found = weights(broken)
    assert all(np.array_equal(found[name], values) for name, values in weights(whole).items())


def test_several_processes_in_a_pod_give_the_result_of_one(
    tmp_path: Path,
) -> None:
    """As with several GPUs per worker, one process each."""
    training, pods = MLP, 2
    with report_stand_in() as gateway:
        alone = session(tmp_path / "alone", gateway.url, training)
        assert alone.finish()[0] == 0
        wanted = gateway.rows()
    with report_stand_in() as gateway:
        together = session(tmp_path / "together", gateway.url, training)
        for pod in start_pods(together, pods, processes=2):
            code, output = pod.wait()
            assert code == 0, output
            assert f"{pods} worker(s), {2 * pods} process(es) in all" in output
        found = gateway.rows()
        streams = {key[2] for key in gateway.batches}
        models = len(gateway.models)

    for name, values in weights(alone).items():
        np.testing.assert_allclose(weights(together)[name], values, atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose([r[2] for r in found], [r[2] for r in wanted], atol=1e-4)
    assert streams == {"rank-0"}
    assert models == 1


def trained_in(gateway: ReportStandIn, attempt: int) -> bool:
    batches = list(gateway.batches.items())
    return any(key[1] == attempt and batch["metrics"] for key, batch in batches)


def test_a_dead_local_process_ends_the_pod_and_a_stop_reaches_all(
    tmp_path: Path, gateway: ReportStandIn
) -> None:
    tiny = session(tmp_path, gateway.url, {**MLP, "epochs": 4000})
    (pod,) = start_pods(tiny, 1, processes=2)
    # torch is imported anew, which takes a busy machine a while.
    eventually(lambda: any(step > 20 for step, _, _ in gateway.rows()), within=180, every=0.05)
    pod.local()[0].kill()

    code, output = pod.wait(120)
    assert code == ExitCode.WORKER_LOST, output
    assert tiny.explanation()["message"]

    (second,) = start_pods(tiny, 1, processes=2, attempt=2)
    # Before its first step a process has nothing to save, and says nothing of it.
    eventually(lambda: trained_in(gateway, attempt=2), within=180, every=0.05)
    assert "resumed at step" in second.log.read_text()
    second.process.terminate()
    code, output = second.wait(120)

    assert code == ExitCode.PREEMPTED, output
    assert "a checkpoint is saved" in output
