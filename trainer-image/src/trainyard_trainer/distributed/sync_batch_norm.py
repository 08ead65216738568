"""Batch normalisation over the batches of all processes.

`torch.nn.SyncBatchNorm` computes the same on GPUs only.
"""

from __future__ import annotations

import torch
from torch import Tensor, distributed, nn


class SyncBatchNorm(nn.BatchNorm2d):
    """`nn.BatchNorm2d` whose statistics in training are those of all processes' rows together."""

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) → the same shape.

        Raises ValueError in training when the whole batch has one value per channel.
        """
        if not self.training:
            return super().forward(x)
        channels = x.shape[1]
        values = x.transpose(0, 1).flatten(1).float()
        own = torch.cat(
            [values.sum(1), values.square().sum(1), values.new_tensor([values.shape[1]])]
        )
        total: Tensor = _AllReduceSum.apply(own)
        count = total[-1].detach()
        if count < 2:
            # The wording of PyTorch's own check, which the training loop recognises.
            raise ValueError("Expected more than 1 value per channel when training")
        mean = total[:channels] / count
        variance = total[channels:-1] / count - mean.square()
        with torch.no_grad():
            self._update_running_statistics(mean, variance * count / (count - 1))
        scale = torch.rsqrt(variance.clamp_min(0) + self.eps) * self.weight
        shift = self.bias - mean * scale
        return x * scale[:, None, None] + shift[:, None, None]

    def _update_running_statistics(self, mean: Tensor, variance: Tensor) -> None:
        means, variances, batches = self.running_mean, self.running_var, self.num_batches_tracked
        if means is None or variances is None or batches is None:
            return
        batches.add_(1)
        means.lerp_(mean, self.momentum or 0.0)
        variances.lerp_(variance, self.momentum or 0.0)


class _AllReduceSum(torch.autograd.Function):
    """An all-reduce in both directions: a process's rows influence every process's loss."""

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


def with_sync_batch_norm(module: nn.Module) -> nn.Module:
    """`module` with `SyncBatchNorm` in place of every `BatchNorm2d` below it, changed in place.

    Parameters and buffers keep their names, so that checkpoints fit both.
    """
    for name, child in module.named_children():
        if type(child) is nn.BatchNorm2d:
            ours = SyncBatchNorm(child.num_features, child.eps, child.momentum)
            ours.load_state_dict(child.state_dict())
            setattr(module, name, ours)
        else:
            with_sync_batch_norm(child)
    return module
