"""The optimizer of a configuration."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import nn, optim

from trainyard_api.training import OptimizerName, TrainingConfig

_GUARDED = ("add_param_group", "load_state_dict", "state_dict", "zero_grad")


def build(config: TrainingConfig, model: nn.Module) -> optim.Optimizer:
    """PyTorch's optimizer of that name, with PyTorch's defaults for what is not configured."""
    given: dict[str, Any] = {"lr": config.learning_rate, "weight_decay": config.weight_decay}
    kind: type[optim.Optimizer]
    match config.optimizer:
        case OptimizerName.ADAM:
            kind = optim.Adam
        case OptimizerName.ADAMW:
            kind = optim.AdamW
        case OptimizerName.SGD:
            kind = optim.SGD
            given["momentum"] = 0.9 if config.momentum is None else config.momentum
        case OptimizerName.RMSPROP:
            kind = optim.RMSprop
            given["momentum"] = config.momentum or 0.0
    return _without_compiler(kind)(model.parameters(), **given)


def _without_compiler(kind: type[optim.Optimizer]) -> type[optim.Optimizer]:
    """The same optimizer without the wrappers that import torch's compiler.

    PyTorch wraps these methods so that `torch.compile` does not trace them. At its first call the
    wrapper imports 900 modules of the compiler, which takes as long as `import torch` itself.
    Nothing is compiled here.
    """
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in _GUARDED}
    step = torch.no_grad()(inspect.unwrap(kind.step))
    return type(kind.__name__, (kind,), {**methods, "step": step})
