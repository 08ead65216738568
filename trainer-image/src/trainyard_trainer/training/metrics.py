"""Metrics of one pass over a split."""

from __future__ import annotations

import torch
from torch import Tensor

from trainyard_api.training import Task
from trainyard_trainer.data.schema import DataSchema
from trainyard_trainer.training.loss import loss_sum, sample_count


class MetricAccumulator:
    """Sums over batches from which the metrics follow. Processes may add their `sums` up."""

    def __init__(self, task: Task, schema: DataSchema) -> None:
        """`schema` gives the unit of a regression's target."""
        self._task = task
        self._schema = schema
        # Samples, loss, correct, absolute error, squared error, sum and sum of squares of the
        # targets. Double precision, because sums of float32 lose digits.
        self.sums = torch.zeros(7, dtype=torch.float64)

    def add(self, scores: Tensor, targets: Tensor) -> None:
        """Add one batch; shapes as for `loss_sum`."""
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
        """`<prefix>/loss`, and the task's own metrics; empty when nothing was added.

        Regression: rmse and mae in the target's unit, and r2 = 1 - SS_res / SS_tot where the
        targets vary. Else: accuracy. Language modeling also has perplexity, exp(loss).
        """
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
