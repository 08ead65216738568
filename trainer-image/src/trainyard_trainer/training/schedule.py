"""The learning rate at a step. Pure."""

from __future__ import annotations

import math

from trainyard_api.training import SchedulerName, TrainingConfig


def learning_rate(
    config: TrainingConfig, step: int, total_steps: int, steps_per_epoch: int
) -> float:
    """Learning rate of optimizer step `step` (from 0) out of `total_steps`.

    A linear warm-up comes first. Then the rate is constant, decays linearly or by a half cosine to
    `minLearningRate` (Loshchilov and Hutter, 2016, arXiv 1608.03983, without restarts), or is
    multiplied by `gamma` every `stepEpochs` epochs.
    """
    scheduler, peak = config.scheduler, config.learning_rate
    if step < scheduler.warmup_steps:
        return peak * (step + 1) / scheduler.warmup_steps
    share = (step - scheduler.warmup_steps) / max(1, total_steps - scheduler.warmup_steps)
    match scheduler.name:
        case SchedulerName.CONSTANT:
            return peak
        case SchedulerName.LINEAR:
            return scheduler.min_learning_rate + (peak - scheduler.min_learning_rate) * (1 - share)
        case SchedulerName.COSINE:
            half = (1 + math.cos(math.pi * share)) / 2
            return scheduler.min_learning_rate + (peak - scheduler.min_learning_rate) * half
        case SchedulerName.STEP:
            return peak * float(
                scheduler.gamma ** (step // steps_per_epoch // scheduler.step_epochs)
            )
