"""The processes of a session, by torch.distributed: one per worker, with GPUs one per GPU. A gang of one needs nothing of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn

from trainyard_api.contract import ENV_COMPLETION_INDEX

PATIENCE = timedelta(minutes=10)
"""How long a worker waits for the others, at the start and in every exchange."""


@dataclass(frozen=True, slots=True)
class Gang:
    """This process's place: rank 0 reports and saves."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this worker reports and saves."""
        return self.rank == 0

    def part(self, rows: Tensor) -> Tensor:
        """This worker's rows of a batch."""
        return rows[self.rank :: self.size]

    def sum_gradients(self, model: nn.Module, *beside: float | Tensor) -> list[float]:
        """Add the workers' gradients up, and the numbers `beside` them: one exchange a step, since each costs a round trip.

        Each gradient was divided by the whole batch, so that the sum is that of one process.
        """
        own = [float(n.detach()) if isinstance(n, Tensor) else n for n in beside]
        if self.size == 1:
            return own
        gradients = [
            p.grad if p.grad is not None else torch.zeros_like(p) for p in model.parameters()
        ]
        flat = torch.cat([*(g.flatten() for g in gradients), gradients[0].new_tensor(own)])
        distributed.all_reduce(flat)
        offset = 0
        for parameter, gradient in zip(model.parameters(), gradients, strict=True):
            count = gradient.numel()
            parameter.grad = flat[offset : offset + count].view_as(gradient)
            offset += count
        return [float(n) for n in flat[offset:].tolist()]

    def sum(self, values: Tensor) -> Tensor:
        """Add a tensor up over the workers."""
        if self.size > 1:
            distributed.all_reduce(values)
        return values

    def any(self, flag: bool) -> bool:
        """Whether the flag is set on any worker, so that all take the same branch."""
        return bool(self.sum(torch.tensor(float(flag))).item() > 0)

    def equip(self, model: nn.Module) -> nn.Module:
        """Let batch normalisation see the whole batch, as in one process."""
        return synchronised(model) if self.size > 1 else model

    def leave(self) -> None:
        """End the group."""
        if self.size > 1:
            distributed.destroy_process_group()


def join(size: int, device: torch.device) -> Gang:
    """Wait for all `size` processes; rendezvous by MASTER_ADDR and MASTER_PORT."""
    if size == 1:
        return Gang()
    rank = int(os.environ.get("RANK") or os.environ.get(ENV_COMPLETION_INDEX) or 0)
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(backend, rank=rank, world_size=size, timeout=PATIENCE)
    return Gang(rank, size)


class GangBatchNorm(nn.BatchNorm2d):
    """Batch normalisation over the rows of all workers; `nn.SyncBatchNorm` does the same on GPUs only."""

    def forward(self, x: Tensor) -> Tensor:
        """In training with the statistics of the whole batch, else as usual."""
        if not self.training:
            return super().forward(x)
        channels = x.shape[1]
        values = x.transpose(0, 1).flatten(1).float()
        own = torch.cat(
            [values.sum(1), values.square().sum(1), values.new_tensor([values.shape[1]])]
        )
        whole: Tensor = _SumOverWorkers.apply(own)
        count = whole[-1].detach()
        if count < 2:
            raise ValueError("Expected more than 1 value per channel when training")
        mean = whole[:channels] / count
        variance = whole[channels:-1] / count - mean.square()
        with torch.no_grad():
            self._remember(mean, variance * count / (count - 1))
        scale = torch.rsqrt(variance.clamp_min(0) + self.eps) * self.weight
        shift = self.bias - mean * scale
        return x * scale[:, None, None] + shift[:, None, None]

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        means, variances, batches = self.running_mean, self.running_var, self.num_batches_tracked
        if means is None or variances is None or batches is None:
            return
        batches.add_(1)
        means.lerp_(mean, self.momentum or 0.0)
        variances.lerp_(variance, self.momentum or 0.0)


class _SumOverWorkers(torch.autograd.Function):
    """Sum in the forward pass; in the backward pass every worker's gradient reaches every worker's part."""

    @staticmethod
    def forward(_context: object, values: Tensor) -> Tensor:
        summed = values.clone()
        distributed.all_reduce(summed)
        return summed

    @staticmethod
    def backward(_context: object, gradient: Tensor) -> Tensor:
        summed = gradient.clone()
        distributed.all_reduce(summed)
        return summed


def synchronised(module: nn.Module) -> nn.Module:
    """The same module with `GangBatchNorm` in place of `BatchNorm2d`; parameters and buffers keep their names."""
    for name, child in module.named_children():
        if type(child) is nn.BatchNorm2d:
            ours = GangBatchNorm(child.num_features, child.eps, child.momentum)
            ours.load_state_dict(child.state_dict())
            setattr(module, name, ours)
        else:
            synchronised(child)
    return module
