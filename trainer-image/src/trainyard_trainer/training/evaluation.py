"""Metrics of a model on both splits, in the training and whenever they are measured again."""

from __future__ import annotations

import math

import torch
from torch import nn

from trainyard_api.training import Precision, TrainingConfig
from trainyard_trainer.data import Dataset
from trainyard_trainer.distributed.process_group import ProcessGroup
from trainyard_trainer.training.batches import load_batch
from trainyard_trainer.training.metrics import MetricAccumulator

_AUTOCAST_DTYPES = {Precision.BF16: torch.bfloat16, Precision.FP16: torch.float16}


def autocast(config: TrainingConfig, device: torch.device) -> torch.autocast:
    """The arithmetic of the configured precision on `device`."""
    dtype = _AUTOCAST_DTYPES.get(config.precision)
    return torch.autocast(device.type, dtype=dtype, enabled=dtype is not None)


@torch.no_grad()
def evaluate(
    model: nn.Module,
    dataset: Dataset,
    config: TrainingConfig,
    device: torch.device,
    group: ProcessGroup,
) -> dict[str, float]:
    """Metrics of both splits in evaluation mode, as `train/…` and `val/…`.

    Leaves the model in evaluation mode. All processes of the group get the same values.
    """
    model.eval()
    out: dict[str, float] = {}
    for prefix, split in (("train", dataset.train), ("val", dataset.validation)):
        accumulator = MetricAccumulator(config.task, dataset.schema)
        rows = group.shard(torch.arange(len(split)))
        for part in torch.split(rows, config.batch_size):
            inputs, targets = load_batch(split, part, device)
            with autocast(config, device):
                scores = model(inputs)
            accumulator.add(scores, targets)
        accumulator.sums = group.all_reduce(accumulator.sums)
        metrics = accumulator.metrics(prefix)
        if prefix == "train":
            # `train/loss` is the loss of one batch; that of the whole split has another name.
            metrics = {k.replace("train/loss", "train/epoch_loss"): v for k, v in metrics.items()}
        out |= metrics
    return out


def shown(metrics: dict[str, float]) -> str:
    """The metrics in one line of the log: four decimals; large values by their exponent."""
    return ", ".join(f"{name} {_number(value)}" for name, value in metrics.items())


def _number(value: float) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:.4f}" if abs(value) < 1e6 else f"{value:.4g}"
