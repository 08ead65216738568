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
    """Lowest validation loss."""
    stale_epochs: int = 0
    """Epochs since the lowest validation loss."""
    metrics: dict[str, float] = field(default_factory=dict)
    """Metrics of the last completed epoch."""
