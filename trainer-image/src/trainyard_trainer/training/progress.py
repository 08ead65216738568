"""How far a training is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(slots=True)
class Progress:
    """Counters of a training. Part of every checkpoint: names of fields are a file format."""

    step: int = 0
    """Optimizer steps done."""
    epoch: int = 0
    """Epochs completed."""
    batch: int = 0
    """Batches done in the current epoch."""
    best_loss: float = math.inf
    """Validation loss of the best epoch."""
    stale_epochs: int = 0
    """Epochs since the best one."""
    metrics: dict[str, float] = field(default_factory=dict)
    """Metrics of the last completed epoch."""
    best_metrics: dict[str, float] = field(default_factory=dict)
    """Metrics of the best epoch; empty without one, and in checkpoints of version 0.1."""
    notes: list[str] = field(default_factory=list)
    """What a reader of the model card must know about the training, each a sentence."""


@dataclass(frozen=True, slots=True)
class TrainedWeights:
    """What is true of the weights that become the model."""

    epoch: int
    """Epochs after which the training had these weights."""
    step: int
    """Optimizer steps after which it had them."""
    metrics: dict[str, float]
    """Metrics of both splits with these weights."""
