"""The optimizer of a configuration."""

from __future__ import annotations

from torch import nn, optim

from trainyard_api.training import OptimizerName, TrainingConfig


def build(config: TrainingConfig, model: nn.Module) -> optim.Optimizer:
    """PyTorch's own implementation with PyTorch's defaults for what the configuration does not name."""
    parameters = model.parameters()
    rate, decay = config.learning_rate, config.weight_decay
    match config.optimizer:
        case OptimizerName.ADAM:
            return optim.Adam(parameters, lr=rate, weight_decay=decay)
        case OptimizerName.ADAMW:
            return optim.AdamW(parameters, lr=rate, weight_decay=decay)
        case OptimizerName.SGD:
            momentum = 0.9 if config.momentum is None else config.momentum
            return optim.SGD(parameters, lr=rate, momentum=momentum, weight_decay=decay)
        case OptimizerName.RMSPROP:
            return optim.RMSprop(
                parameters, lr=rate, momentum=config.momentum or 0.0, weight_decay=decay
            )
