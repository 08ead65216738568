"""The processes that train one session together, through torch.distributed.

There is one process per worker on CPUs and one per GPU on GPUs. A group of one process needs no
torch.distributed: every collective operation is then the identity.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn

from trainyard_api.contract import ENV_COMPLETION_INDEX
from trainyard_trainer.distributed.sync_batch_norm import with_sync_batch_norm

TIMEOUT = timedelta(minutes=10)
"""How long a process waits for the others, at the rendezvous and in every collective operation."""


@dataclass(frozen=True, slots=True)
class ProcessGroup:
    """This process's rank and the number of processes. Rank 0 reports and saves."""

    rank: int = 0
    world_size: int = 1

    @property
    def is_rank_zero(self) -> bool:
        """Whether this process reports, writes checkpoints and saves the model."""
        return self.rank == 0

    def shard(self, rows: Tensor) -> Tensor:
        """Every `world_size`-th element of `rows` (first axis), beginning with the rank's."""
        return rows[self.rank :: self.world_size]

    def all_reduce_gradients(self, model: nn.Module, *scalars: float | Tensor) -> list[float]:
        """Sum the gradients over the processes in place, and return the sums of the `scalars`.

        Gradients and scalars share one all-reduce, because each one costs a network round trip.
        The caller divides each loss by the size of the whole batch; the sum is then the gradient
        that one process would compute.
        """
        own = [float(n.detach()) if isinstance(n, Tensor) else n for n in scalars]
        if self.world_size == 1:
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

    def all_reduce(self, values: Tensor) -> Tensor:
        """The element-wise sum of `values` over the processes, computed in place."""
        if self.world_size > 1:
            distributed.all_reduce(values)
        return values

    def any(self, flag: bool) -> bool:
        """Whether `flag` is set in any process. All processes get the same answer."""
        return bool(self.all_reduce(torch.tensor(float(flag))).item() > 0)

    def wrap(self, model: nn.Module) -> nn.Module:
        """`model` with batch normalisation over the whole batch, as one process computes it."""
        return with_sync_batch_norm(model) if self.world_size > 1 else model

    def destroy(self) -> None:
        """Leave the group; no collective operation is possible afterwards."""
        if self.world_size > 1:
            distributed.destroy_process_group()


def join(world_size: int, device: torch.device) -> ProcessGroup:
    """Wait until all processes have joined; they meet at MASTER_ADDR and MASTER_PORT.

    The rank is `RANK`, else the pod's Job completion index. Raises torch's DistError or
    RuntimeError when the others do not come within TIMEOUT.
    """
    if world_size == 1:
        return ProcessGroup()
    rank = int(os.environ.get("RANK") or os.environ.get(ENV_COMPLETION_INDEX) or 0)
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(backend, rank=rank, world_size=world_size, timeout=TIMEOUT)
    return ProcessGroup(rank, world_size)
