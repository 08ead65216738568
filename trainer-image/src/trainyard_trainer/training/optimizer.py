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


def take_moments(own: optim.Optimizer, state: dict[str, Any]) -> None:
    """Take the moments of another optimizer of the same kind; the options stay those of `own`."""
    options = [{k: v for k, v in group.items() if k != "params"} for group in own.param_groups]
    own.load_state_dict(state)
    for group, kept in zip(own.param_groups, options, strict=True):
        group.update(kept)
        if isinstance(own, optim.RMSprop) and group["momentum"] > 0:
            # RMSprop makes the buffer with its other moments only.
            for parameter in group["params"]:
                moments = own.state[parameter]
                if moments and "momentum_buffer" not in moments:
                    moments["momentum_buffer"] = torch.zeros_like(parameter)


def _without_compiler(kind: type[optim.Optimizer]) -> type[optim.Optimizer]:
    """The same optimizer without the wrappers that import torch's compiler.

    PyTorch wraps these methods so that `torch.compile` does not trace them. At its first call the
    wrapper imports 900 modules of the compiler, which takes as long as `import torch` itself.
    Nothing is compiled here.
    """
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in _GUARDED}
    step = torch.no_grad()(inspect.unwrap(kind.step))
    return type(kind.__name__, (kind,), {**methods, "step": step})
