"""Step times of the built-in trainer beside a bare loop of the same model and data, in turns.

An arm trains whole epochs; the arms take turns in one process, so that clocks and temperature of
the GPU change for all alike. The trainer reports to a transport that accepts everything.
"""

from __future__ import annotations

import gc
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils import deterministic
from workloads import Workload

from trainyard.reporting.gateway_reporter import GatewayReporter
from trainyard_api.training import TrainingConfig
from trainyard_trainer import data, models
from trainyard_trainer.checkpoints.folder import CheckpointFolder
from trainyard_trainer.data import Dataset, Split
from trainyard_trainer.distributed.process_group import ProcessGroup
from trainyard_trainer.training import loss
from trainyard_trainer.training.batches import epoch_order, load_batch, split_into_batches
from trainyard_trainer.training.train import Trainer

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
Epoch = Callable[[], list[float]]
"""Trains an epoch; returns the losses that were read."""


class AcceptingTransport:
    """Accepts every report at once and keeps nothing."""

    def post(self, path: str, body: bytes) -> dict[str, Any]:  # noqa: ARG002 - a transport's arguments
        """As if it were delivered."""
        return {}

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True)
class Arm:
    """One side of the comparison, and PyTorch's switches while it runs."""

    name: str
    epoch: Epoch
    deterministic: bool = False
    fill: bool = False
    """Whether new tensors are filled with NaN, which PyTorch does in deterministic mode."""


class BareLoop:
    """The same model, optimizer, order and precision, written as in a tutorial."""

    def __init__(
        self, config: TrainingConfig, dataset: Dataset, device: torch.device, read_every: int
    ) -> None:
        """`read_every`: steps between two readings of the loss, each of which waits for the GPU."""
        torch.manual_seed(config.seed)
        self._config, self._split, self._device = config, dataset.train, device
        self._model = models.build(config, dataset.shape).to(device)
        self._optimizer = torch.optim.AdamW(
            self._model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self._dtype = DTYPES.get(config.precision)
        self._scaler = torch.amp.GradScaler(device.type, enabled=config.precision == "fp16")
        self._batches = split_into_batches(len(dataset.train), config.batch_size)
        self._read_every = read_every
        self._epochs = 0

    def epoch(self) -> list[float]:
        """One epoch; the losses that were read."""
        order = epoch_order(len(self._split), self._config.seed, self._epochs)
        self._epochs += 1
        self._model.train()
        read = []
        for step, batch in enumerate(self._batches):
            inputs, targets = self._load(self._split, order[batch])
            with torch.autocast(self._device.type, self._dtype, enabled=self._dtype is not None):
                scores = self._model(inputs)
            task = self._config.task
            mean = loss.loss_sum(task, scores.float(), targets) / loss.sample_count(task, targets)
            self._optimizer.zero_grad()
            self._scaler.scale(mean).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            self._scaler.step(self._optimizer)
            self._scaler.update()
            if (step + 1) % self._read_every == 0:
                read.append(mean.item())
        return read

    def _load(self, split: Split, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return load_batch(split, rows, self._device)


def trainer_epoch(trainer: Trainer, late: bool | None = None) -> Epoch:
    """One epoch of the trainer's own loop, without the validation that follows it.

    `late` sets when the loss is read; None leaves it to the trainer.
    """

    def epoch() -> list[float]:
        if late is not None:
            trainer.reads_loss_late = late
        trainer.progress.batch = 0
        trainer._train_epoch()
        trainer.progress.epoch += 1
        return []

    return epoch


def measure(
    workload: Workload, precision: str, device: torch.device, seconds: float
) -> dict[str, Any]:
    """Milliseconds of a step by arm and round, for about `seconds`; and the losses at the end."""
    config = TrainingConfig.model_validate(workload.config(precision))
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = Path(name)
        file_format = "text" if workload.file_format == "txt" else workload.file_format
        dataset = data.load(workload.write(folder), file_format, config)
        report = GatewayReporter(AcceptingTransport(), folder / "spool", "uid", 1)
        trainer = Trainer(
            config, dataset, CheckpointFolder(folder / "c"), report, ProcessGroup(), device
        )
        late = trainer.reads_loss_late
        ours = trainer_epoch(trainer, late)
        arms = [
            Arm("bare loop", BareLoop(config, dataset, device, 10).epoch),
            Arm("bare loop, loss read each step", BareLoop(config, dataset, device, 1).epoch),
            Arm("trainer", ours, deterministic=True),
            Arm("trainer, not deterministic", ours),
            Arm(
                "trainer, filling new tensors and reading each loss at once",
                trainer_epoch(trainer, late=False),
                deterministic=True,
                fill=True,
            ),
        ]
        times = _rounds(arms, device, trainer.steps_per_epoch, seconds)
        report.finish(10)
        del trainer, ours, arms
        gc.collect()
        torch.cuda.empty_cache()
        same = losses_agree(config, dataset, device, folder)
    gc.collect()
    torch.cuda.empty_cache()
    return {
        "milliseconds": times,
        "steps_per_epoch": len(dataset.train) // config.batch_size,
    } | same


def losses_agree(
    config: TrainingConfig, dataset: Dataset, device: torch.device, folder: Path
) -> dict[str, Any]:
    """The loss of a first epoch, once by the trainer and once by the bare loop."""
    seen: dict[int, float] = {}

    class Listening(GatewayReporter):
        def log(self, values: Any, step: int, epoch: int | None = None) -> None:  # noqa: ARG002 - the protocol's argument
            if "train/loss" in values:
                seen[step] = values["train/loss"]

    each_step = config.model_copy(update={"log_every_steps": 1})
    report = Listening(AcceptingTransport(), folder / "spool-2", "uid", 1)
    with switches(Arm("", list, deterministic=True)):
        checkpoints = CheckpointFolder(folder / "c2")
        trainer = Trainer(each_step, dataset, checkpoints, report, ProcessGroup(), device)
        trainer_epoch(trainer)()
        bare = BareLoop(config, dataset, device, 1).epoch()
    report.finish(10)
    differences = [abs(seen[n + 1] - value) for n, value in enumerate(bare)]
    return {
        "first_loss": bare[0],
        "last_loss": bare[-1],
        "largest_loss_difference": max(differences),
    }


def _rounds(
    arms: list[Arm], device: torch.device, steps: int, seconds: float
) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {arm.name: [] for arm in arms}
    for arm in arms:
        _timed(arm, device)
    began, turn = time.monotonic(), 0
    while turn < 3 or time.monotonic() - began < seconds:
        for arm in arms if turn % 2 == 0 else reversed(arms):
            times[arm.name].append(_timed(arm, device) / steps * 1e3)
        turn += 1
    return times


def _timed(arm: Arm, device: torch.device) -> float:
    with switches(arm):
        synchronise(device)
        began = time.perf_counter()
        arm.epoch()
        synchronise(device)
        return time.perf_counter() - began


@contextmanager
def switches(arm: Arm) -> Iterator[None]:
    """PyTorch's global switches as the arm wants them."""
    torch.set_deterministic_debug_mode("warn" if arm.deterministic else "default")
    deterministic.fill_uninitialized_memory = arm.fill
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode("default")


def synchronise(device: torch.device) -> None:
    """Wait until the GPU has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def summary(values: list[float]) -> tuple[float, float, float]:
    """Median, minimum and maximum."""
    return statistics.median(values), min(values), max(values)
