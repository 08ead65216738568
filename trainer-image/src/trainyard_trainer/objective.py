"""Loss and metrics of each task."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from trainyard_api.training import Task
from trainyard_trainer.data import Split
from trainyard_trainer.data.schema import DataSchema


def batch(split: Split, rows: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
    """Inputs and targets of some rows, on the device."""
    if split.targets is None:
        windows = split.inputs[rows]
        inputs, targets = windows[:, :-1], windows[:, 1:]
    else:
        inputs, targets = split.inputs[rows], split.targets[rows]
    if device.type == "cuda":
        inputs, targets = inputs.pin_memory(), targets.pin_memory()
    return inputs.to(device, non_blocking=True), targets.to(device, non_blocking=True)


def loss_sum(task: Task, scores: Tensor, targets: Tensor) -> Tensor:
    """Loss summed over samples (over tokens for text), so that parts of a batch add up to the whole."""
    if task is Task.TABULAR_REGRESSION:
        return functional.mse_loss(scores.squeeze(-1), targets, reduction="sum")
    if task is Task.LANGUAGE_MODELING:
        return functional.cross_entropy(scores.flatten(0, 1), targets.flatten(), reduction="sum")
    return functional.cross_entropy(scores, targets, reduction="sum")


def sample_count(task: Task, targets: Tensor) -> int:
    """What `loss_sum` was summed over."""
    return targets.numel() if task is Task.LANGUAGE_MODELING else len(targets)


class Tally:
    """Adds up what is needed for the metrics of one pass over a split."""

    def __init__(self, task: Task, schema: DataSchema) -> None:
        self._task = task
        self._schema = schema
        # loss, correct, absolute error, squared error, sum and sum of squares of the targets; double, since sums of floats drift.
        self.sums = torch.zeros(7, dtype=torch.float64)

    def add(self, scores: Tensor, targets: Tensor) -> None:
        """One batch, with scores and targets of equal length."""
        task, sums = self._task, self.sums
        sums[0] += sample_count(task, targets)
        sums[1] += loss_sum(task, scores.float(), targets).item()
        if task is Task.TABULAR_REGRESSION:
            error = (scores.float().squeeze(-1) - targets).double()
            sums[3] += error.abs().sum().item()
            sums[4] += error.square().sum().item()
            sums[5] += targets.double().sum().item()
            sums[6] += targets.double().square().sum().item()
        else:
            sums[2] += (scores.argmax(-1) == targets).sum().item()

    def metrics(self, prefix: str) -> dict[str, float]:
        """`<prefix>/loss` and what people ask for: accuracy, or RMSE, MAE and R² in the target's own unit, or perplexity."""
        count, loss, correct, absolute, squared, total, squares = self.sums.tolist()
        if count == 0:
            return {}
        out = {f"{prefix}/loss": loss / count}
        if self._task is Task.TABULAR_REGRESSION:
            scale = self._schema.target_scale
            variance = squares - total * total / count
            out[f"{prefix}/rmse"] = (squared / count) ** 0.5 * scale
            out[f"{prefix}/mae"] = absolute / count * scale
            if variance > 0:
                out[f"{prefix}/r2"] = 1 - squared / variance
        else:
            out[f"{prefix}/accuracy"] = correct / count
        if self._task is Task.LANGUAGE_MODELING:
            out[f"{prefix}/perplexity"] = float(torch.exp(torch.tensor(loss / count)))
        return out
