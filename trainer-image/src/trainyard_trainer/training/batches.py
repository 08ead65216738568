"""Which rows form a batch, and their tensors on the device."""

from __future__ import annotations

import torch
from torch import Tensor

from trainyard_trainer.data import Split


def split_into_batches(samples: int, size: int) -> list[slice]:
    """Slices of `size` samples that cover an epoch.

    A single sample left over joins the batch before it: batch normalisation needs two.
    """
    starts = list(range(0, samples, size))
    if len(starts) > 1 and samples - starts[-1] == 1 and size > 1:
        starts.pop()
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], samples], strict=True)]


def epoch_order(samples: int, seed: int, epoch: int) -> Tensor:
    """A permutation of the row numbers: a function of seed and epoch, so no checkpoint holds it."""
    generator = torch.Generator().manual_seed((seed * 1_000_003 + epoch) % 2**63)
    return torch.randperm(samples, generator=generator)


def load_batch(split: Split, rows: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
    """Inputs and targets of `rows` on the device.

    Inputs are (batch, …) float32 and targets (batch,). For text both are (batch, time) int64,
    the targets being the inputs one token later.
    """
    if split.targets is None:
        windows = split.inputs[rows]
        inputs, targets = windows[:, :-1], windows[:, 1:]
    else:
        inputs, targets = split.inputs[rows], split.targets[rows]
    if device.type == "cuda":
        # Only copies from pinned memory run beside the computation.
        inputs, targets = inputs.pin_memory(), targets.pin_memory()
    return inputs.to(device, non_blocking=True), targets.to(device, non_blocking=True)
