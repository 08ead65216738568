"""The learning rate at a step. Pure."""

from __future__ import annotations

import math

from trainyard_api.training import SchedulerName, TrainingConfig


def learning_rate(
    config: TrainingConfig, step: int, total_steps: int, steps_per_epoch: int
) -> float:
    """Learning rate of the optimizer step numbered `step` (0-based) out of `total_steps`.

    Linear warm-up first; then constant, a linear or half-cosine decay to `minLearningRate` (Loshchilov and Hutter, 2016,
    arXiv 1608.03983, without restarts), or a factor `gamma` every `stepEpochs`.
    """
    plan, peak = config.scheduler, config.learning_rate
    if step < plan.warmup_steps:
        return peak * (step + 1) / plan.warmup_steps
    share = (step - plan.warmup_steps) / max(1, total_steps - plan.warmup_steps)
    match plan.name:
        case SchedulerName.CONSTANT:
            return peak
        case SchedulerName.LINEAR:
            return plan.min_learning_rate + (peak - plan.min_learning_rate) * (1 - share)
        case SchedulerName.COSINE:
            half = (1 + math.cos(math.pi * share)) / 2
            return plan.min_learning_rate + (peak - plan.min_learning_rate) * half
        case SchedulerName.STEP:
            return peak * float(plan.gamma ** (step // steps_per_epoch // plan.step_epochs))
