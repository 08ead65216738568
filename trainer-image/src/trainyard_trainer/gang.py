"""The workers of a session, by torch.distributed; a gang of one needs nothing of it."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn

from trainyard_api.contract import ENV_COMPLETION_INDEX


@dataclass(frozen=True, slots=True)
class Gang:
    """This worker's place: rank 0 reports and saves."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this worker reports and saves."""
        return self.rank == 0

    def part(self, rows: Tensor) -> Tensor:
        """This worker's rows of a batch."""
        return rows[self.rank :: self.size]

    def sum_gradients(self, model: nn.Module) -> None:
        """Add the workers' gradients up; each was divided by the whole batch, so the sum is that of one process."""
        if self.size == 1:
            return
        gradients = [
            p.grad if p.grad is not None else torch.zeros_like(p) for p in model.parameters()
        ]
        flat = torch.cat([g.flatten() for g in gradients])
        distributed.all_reduce(flat)
        offset = 0
        for parameter, gradient in zip(model.parameters(), gradients, strict=True):
            count = gradient.numel()
            parameter.grad = flat[offset : offset + count].view_as(gradient)
            offset += count

    def sum(self, values: Tensor) -> Tensor:
        """Add a tensor up over the workers."""
        if self.size > 1:
            distributed.all_reduce(values)
        return values

    def any(self, flag: bool) -> bool:
        """Whether the flag is set on any worker, so that all take the same branch."""
        return bool(self.sum(torch.tensor(float(flag))).item() > 0)

    def leave(self) -> None:
        """End the group."""
        if self.size > 1:
            distributed.destroy_process_group()


def join(workers: int, device: torch.device) -> Gang:
    """Wait for all workers; rendezvous by MASTER_ADDR and MASTER_PORT from the pod."""
    if workers == 1:
        return Gang()
    rank = int(os.environ.get("RANK") or os.environ.get(ENV_COMPLETION_INDEX) or 0)
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(backend, rank=rank, world_size=workers)
    return Gang(rank, workers)
