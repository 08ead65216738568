"""Reads the loss of a step without stopping the GPU's queue.

`Tensor.item()` waits for everything that is queued on the GPU, and nothing new is queued meanwhile.
The copy that begins here is waited for when the next step is queued. Reading each loss at once and
filling new tensors made a step up to 18 % longer on an H200
(bench/results/gpu-check-nvidia-h200.md).
"""

from __future__ import annotations

import torch
from torch import Tensor


class LossReading:
    """The loss of optimizer step `step` (from 1), on its way from the GPU to the CPU."""

    def __init__(self, loss: Tensor, step: int, learning_rate: float) -> None:
        """`loss` has no axes. On the CPU it is there at once."""
        self.step = step
        self.learning_rate = learning_rate
        self._event: torch.cuda.Event | None = None
        self._value = loss.detach()
        if loss.is_cuda:
            target = torch.empty((), dtype=loss.dtype, pin_memory=True)
            self._value = target.copy_(self._value, non_blocking=True)
            self._event = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            self._event.record()

    def wait(self) -> float:
        """The loss, once it has been computed."""
        if self._event is not None:
            self._event.synchronize()
        return float(self._value)
