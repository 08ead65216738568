"""The loss of each task, summed so that parts of a batch add up to the whole."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from trainyard_api.training import Task


def loss_sum(task: Task, scores: Tensor, targets: Tensor) -> Tensor:
    """The loss summed over `sample_count(task, targets)`; a tensor without axes.

    tabular-regression: squared error; scores (batch, 1), targets (batch,).
    language-modeling: cross entropy; scores (batch, time, vocabulary), targets (batch, time).
    Else: cross entropy; scores (batch, classes), targets (batch,).
    """
    if task is Task.TABULAR_REGRESSION:
        return functional.mse_loss(scores.squeeze(-1), targets, reduction="sum")
    if task is Task.LANGUAGE_MODELING:
        return functional.cross_entropy(scores.flatten(0, 1), targets.flatten(), reduction="sum")
    return functional.cross_entropy(scores, targets, reduction="sum")


def sample_count(task: Task, targets: Tensor) -> int:
    """Number of tokens in language-modeling, else number of rows."""
    return targets.numel() if task is Task.LANGUAGE_MODELING else len(targets)
