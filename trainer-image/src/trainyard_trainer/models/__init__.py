"""The models by name, and the shape of the data that each one needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from trainyard_api.training import Architecture, ModelParameters, TrainingConfig
from trainyard_trainer.models.cnn import CNN
from trainyard_trainer.models.mlp import MLP
from trainyard_trainer.models.resnet18 import ResNet18
from trainyard_trainer.models.transformer import Transformer


@dataclass(frozen=True, slots=True)
class Shape:
    """Shape of one sample; number of outputs (classes, 1 for regression, vocabulary)."""

    sample: tuple[int, ...]
    outputs: int


def build(config: TrainingConfig, shape: Shape) -> nn.Module:
    """A new model for data of `shape`; torch's global generator draws its weights."""
    sizes = (config.model.parameters if config.model else None) or ModelParameters()
    activation = sizes.activation or "relu"
    dropout = sizes.dropout or 0.0
    match config.architecture():
        case Architecture.MLP:
            inputs = 1
            for extent in shape.sample:
                inputs *= extent
            return MLP(inputs, shape.outputs, sizes.hidden_sizes or [128, 64], activation, dropout)
        case Architecture.CNN:
            return CNN(
                shape.sample[0], shape.outputs, sizes.channels or [32, 64], activation, dropout
            )
        case Architecture.RESNET18:
            return ResNet18(shape.sample[0], shape.outputs, min(shape.sample[1:]))
        case Architecture.TRANSFORMER:
            return Transformer(
                vocabulary=shape.outputs,
                context=context_length(config),
                width=sizes.embedding_size or 128,
                layers=sizes.layers or 4,
                heads=sizes.heads or 4,
                dropout=dropout,
            )


@dataclass(frozen=True, slots=True)
class NamedAxis:
    """An axis of a parameter whose places stand for inputs or outputs that have names."""

    parameter: str
    axis: int
    of: Literal["inputs", "outputs"]


def named_axes(model: nn.Module) -> list[NamedAxis]:
    """The axes that follow the data: columns, classes or tokens. All others are the model's own."""
    match model:
        case MLP():
            last = len(model.layers) - 1
            return [
                NamedAxis("layers.1.weight", 1, "inputs"),
                NamedAxis(f"layers.{last}.weight", 0, "outputs"),
                NamedAxis(f"layers.{last}.bias", 0, "outputs"),
            ]
        case CNN():
            return [
                NamedAxis("head.3.weight", 0, "outputs"),
                NamedAxis("head.3.bias", 0, "outputs"),
            ]
        case ResNet18():
            return [NamedAxis("head.weight", 0, "outputs"), NamedAxis("head.bias", 0, "outputs")]
        case Transformer():
            return [
                NamedAxis("tokens.weight", 0, "inputs"),
                NamedAxis("head.weight", 0, "outputs"),
            ]
        case _:
            raise TypeError(f"{type(model).__name__} is no model of the trainer")


def context_length(config: TrainingConfig) -> int:
    """Tokens that a transformer sees at once."""
    sizes = config.model.parameters if config.model else None
    return (sizes.context_length if sizes else None) or 128
