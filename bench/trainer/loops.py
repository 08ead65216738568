"""One training of the comparison, in a process of its own: `loops.py SIDE STEPS BATCH FOLDER [URL UID [PACE]]` prints JSON.

FOLDER holds the token of session UID at the gateway URL. Every side runs the same network on the same batches and logs
ten numbers each step; only how they are logged and how checkpoints are written differs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from trainyard.reporting.gateway_reporter import GatewayReporter

CHECKPOINTS = 5
WARM_UP = 50
NAMES = [f"metric/{i}" for i in range(10)]
Log = Callable[[dict[str, float], int], None]
Save = Callable[[dict[str, Any], int], None]


@dataclass(frozen=True)
class Work:
    """What to train, and where to report to."""

    steps: int
    batch: int
    """Samples of a step: few make the worst case for whatever happens once a step."""
    folder: Path
    url: str = ""
    uid: str = ""
    pace: float = 0.0
    """Seconds of a step, for the reports of nobody's training."""


def network(batch: int) -> tuple[nn.Module, torch.optim.Optimizer, Tensor, Tensor]:
    """A small network, its optimizer, and one batch."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10)
    )
    inputs, targets = torch.randn(batch, 64), torch.randint(0, 10, (batch,))
    return model, torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9), inputs, targets


def plain_loop(
    work: Work, log: Log | None, save: Save | None, before_change: Callable[[], None] | None = None
) -> tuple[float, Tensor]:
    """Seconds of the steps, and the weights."""
    model, optimizer, inputs, targets = network(work.batch)
    steps, began = work.steps, 0.0
    for step in range(-WARM_UP, steps):
        if step == 0:
            began = time.perf_counter()
        loss = nn.functional.cross_entropy(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        if before_change is not None:
            before_change()
        optimizer.step()
        if step >= 0 and log is not None:
            value = loss.item()
            log(dict.fromkeys(NAMES, value), step)
        elif step >= 0:
            loss.item()
        if save is not None and step >= 0 and (step + 1) % (steps // CHECKPOINTS) == 0:
            save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, step)
    return time.perf_counter() - began, torch.cat(
        [p.detach().flatten() for p in model.parameters()]
    )


def bare(work: Work) -> tuple[float, Tensor]:
    """The zero: neither logging nor checkpoints."""
    return plain_loop(work, None, None)


def beside(work: Work) -> tuple[float, Tensor]:
    """Bare as well, while another process tells the gateway what ours would: what it costs that the gateway is on the same machine."""
    calibration = Work(500, work.batch, work.folder)
    pace = bare(calibration)[0] / calibration.steps
    command = [sys.executable, __file__, "reports", str(work.steps), str(work.batch)]
    command += [str(work.folder), work.url, work.uid, str(pace)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        if other.stdin is None or other.stdout is None or not other.stdout.readline():
            raise RuntimeError("the other process did not start")
        other.stdin.write("go\n")
        other.stdin.flush()
        measured = bare(work)
    if other.returncode != 0:
        raise RuntimeError("the other process failed")
    return measured


def reports(work: Work) -> None:
    """Reports of a training that nobody does, at its pace."""
    run = _reporting(work)
    print("ready", flush=True)
    sys.stdin.readline()
    began, done = time.perf_counter(), 0
    while done < work.steps:
        due = min(work.steps, int((time.perf_counter() - began) / work.pace))
        for step in range(done, due):
            run.log(dict.fromkeys(NAMES, 1 / (step + 1)), step)
        done = due
        time.sleep(0.005)
    if not run.finish(60):
        raise RuntimeError("not everything arrived")


def _reporting(work: Work) -> GatewayReporter:
    from trainyard.reporting.gateway_reporter import GatewayReporter
    from trainyard.reporting.transport import GatewayTransport

    transport = GatewayTransport(work.url, work.folder / "token")
    return GatewayReporter(transport, work.folder / "spool", work.uid, 1)


def trainyard(work: Work) -> tuple[float, Tensor]:
    """The reporting API and the trainer's background checkpoints."""
    from trainyard_trainer.checkpoints.folder import CheckpointFolder
    from trainyard_trainer.checkpoints.writer import AsyncCheckpointWriter

    run = _reporting(work)
    writer = AsyncCheckpointWriter(CheckpointFolder(work.folder / "c"), run.flush, lambda _: None)

    def save(state: dict[str, Any], step: int) -> None:
        writer.write(f"step-{step}", step, state)

    def log(values: dict[str, float], step: int) -> None:
        run.log(values, step)
        run.progress(step)

    measured = plain_loop(work, log, save, writer.wait_until_staged)
    writer.wait_until_written()
    if not run.finish(60):
        raise RuntimeError("not everything arrived")
    return measured


def mlflow(work: Work) -> tuple[float, Tensor]:
    """The MLflow client with asynchronous logging into a folder, and torch.save."""
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    import mlflow as client

    client.set_tracking_uri(f"file:{work.folder / 'mlruns'}")
    with client.start_run():
        measured = plain_loop(
            work,
            lambda values, step: client.log_metrics(values, step=step, synchronous=False),
            lambda state, step: torch.save(state, work.folder / f"{step}.pt"),
        )
        client.flush_async_logging()
    return measured


def lightning(work: Work) -> tuple[float, Tensor]:
    """Lightning with its CSV logger each step and its checkpoint callback."""
    import lightning as pl
    from lightning.pytorch.callbacks import ModelCheckpoint
    from lightning.pytorch.loggers import CSVLogger

    model, optimizer, inputs, targets = network(work.batch)
    folder, steps = work.folder, work.steps

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = model
            self.began = 0.0
            self.seconds = 0.0

        def on_train_batch_start(self, _batch: object, index: int) -> None:
            if index == WARM_UP:
                self.began = time.perf_counter()

        def training_step(self, batch: tuple[Tensor, Tensor], _index: int) -> Tensor:
            loss = nn.functional.cross_entropy(self.net(batch[0]), batch[1])
            self.log_dict(dict.fromkeys(NAMES, loss.detach()))
            return loss

        def on_train_end(self) -> None:
            self.seconds = time.perf_counter() - self.began

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return optimizer

    module = Module()
    trainer = pl.Trainer(
        max_steps=steps + WARM_UP,
        accelerator="cpu",
        logger=CSVLogger(folder, flush_logs_every_n_steps=1000),
        log_every_n_steps=1,
        callbacks=[
            ModelCheckpoint(folder, every_n_train_steps=steps // CHECKPOINTS, save_top_k=-1)
        ],
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    batches = torch.utils.data.DataLoader([(inputs, targets)] * (steps + WARM_UP), batch_size=None)
    trainer.fit(module, batches)
    return module.seconds, torch.cat([p.detach().flatten() for p in model.parameters()])


SIDES = {
    "bare": bare,
    "beside": beside,
    "trainyard": trainyard,
    "mlflow": mlflow,
    "lightning": lightning,
}


def main(arguments: list[str]) -> None:
    """Run one side."""
    side, steps, batch, folder, *gateway = arguments
    address, pace = gateway[:2], float(gateway[2]) if gateway[2:] else 0.0
    work = Work(int(steps), int(batch), Path(folder), *address, pace=pace)
    if side == "reports":
        reports(work)
        return
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    cpu = time.process_time()
    seconds, weights = SIDES[side](work)
    found = {
        "side": side,
        "seconds": seconds,
        "cpu_seconds": time.process_time() - cpu,
        "weights": weights.double().sum().item(),
    }
    print(f"RESULT {json.dumps(found)}")


if __name__ == "__main__":
    main(sys.argv[1:])
