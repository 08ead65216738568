"""The configuration of the built-in trainer. Every range is validated here only."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from trainyard_api.model import ClosedModel, Rule, RuledModel


class Task(StrEnum):
    """What is learned from the dataset."""

    TABULAR_CLASSIFICATION = "tabular-classification"
    TABULAR_REGRESSION = "tabular-regression"
    IMAGE_CLASSIFICATION = "image-classification"
    LANGUAGE_MODELING = "language-modeling"


class Architecture(StrEnum):
    """Models that the trainer can build."""

    MLP = "mlp"
    CNN = "cnn"
    RESNET18 = "resnet18"
    TRANSFORMER = "transformer"


class Activation(StrEnum):
    """Non-linearity between layers."""

    RELU = "relu"
    GELU = "gelu"
    TANH = "tanh"
    SILU = "silu"


class OptimizerName(StrEnum):
    """Optimizers, by their PyTorch names in lower case."""

    ADAM = "adam"
    ADAMW = "adamw"
    SGD = "sgd"
    RMSPROP = "rmsprop"


class SchedulerName(StrEnum):
    """How the learning rate changes during the training."""

    CONSTANT = "constant"
    LINEAR = "linear"
    COSINE = "cosine"
    STEP = "step"


class Precision(StrEnum):
    """Arithmetic of forward and backward pass; weights stay fp32."""

    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"


PositiveInt = Annotated[int, Field(ge=1)]
LayerSize = Annotated[int, Field(ge=1, le=65_536)]

TASK_ARCHITECTURES: dict[Task, tuple[Architecture, ...]] = {
    Task.TABULAR_CLASSIFICATION: (Architecture.MLP,),
    Task.TABULAR_REGRESSION: (Architecture.MLP,),
    Task.IMAGE_CLASSIFICATION: (Architecture.MLP, Architecture.CNN, Architecture.RESNET18),
    Task.LANGUAGE_MODELING: (Architecture.TRANSFORMER,),
}
"""The architectures of each task; the first is the default."""


class ModelParameters(RuledModel):
    """Sizes of the model. A parameter that the architecture does not use is refused."""

    hidden_sizes: list[LayerSize] | None = Field(default=None, min_length=1, max_length=32)
    """mlp: width of each hidden layer, from input to output. Default [128, 64]."""
    activation: Activation | None = None
    """mlp, cnn: non-linearity between layers. Default relu."""
    dropout: float | None = Field(default=None, ge=0, lt=1)
    """mlp, cnn, transformer: share of activations dropped in training. Default 0."""
    channels: list[LayerSize] | None = Field(default=None, min_length=1, max_length=8)
    """cnn: output channels of each convolution block; every block halves height and width. Default [32, 64]."""
    layers: int | None = Field(default=None, ge=1, le=96)
    """transformer: number of blocks. Default 4."""
    heads: int | None = Field(default=None, ge=1, le=128)
    """transformer: attention heads; must divide embeddingSize. Default 4."""
    embedding_size: int | None = Field(default=None, ge=8, le=16_384)
    """transformer: width of the residual stream. Default 128."""
    context_length: int | None = Field(default=None, ge=2, le=131_072)
    """transformer: tokens that the model sees at once. Default 128."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="(has(self.embeddingSize) ? self.embeddingSize : 128) % (has(self.heads) ? self.heads : 4) == 0",
            message="embeddingSize (default 128) must be a multiple of heads (default 4)",
            holds=lambda m: (m.embedding_size or 128) % (m.heads or 4) == 0,
        ),
    )


_USED_BY: dict[Architecture, frozenset[str]] = {
    Architecture.MLP: frozenset({"hidden_sizes", "activation", "dropout"}),
    Architecture.CNN: frozenset({"channels", "activation", "dropout"}),
    Architecture.RESNET18: frozenset(),
    Architecture.TRANSFORMER: frozenset(
        {"layers", "heads", "embedding_size", "context_length", "dropout"}
    ),
}


def _unused_rule(architecture: Architecture) -> Rule:
    used = _USED_BY[architecture]
    unused = [name for name in ModelParameters.model_fields if name not in used]
    aliases = [ModelParameters.model_fields[name].alias or name for name in unused]
    absent = " && ".join(f"!has(self.parameters.{alias})" for alias in aliases)
    accepted = ", ".join(
        ModelParameters.model_fields[n].alias or n
        for n in ModelParameters.model_fields
        if n in used
    )
    return Rule(
        cel=f"self.architecture != '{architecture}' || !has(self.parameters) || ({absent})",
        message=f"parameters of {architecture} are: {accepted or 'none'}",
        holds=lambda m: (
            m.architecture != architecture
            or m.parameters is None
            or all(getattr(m.parameters, name) is None for name in unused)
        ),
    )


class ModelConfig(RuledModel):
    """Which model is trained."""

    architecture: Architecture
    """mlp (tabular data and small images), cnn, resnet18 (images) or transformer (text)."""
    parameters: ModelParameters | None = None
    """Sizes; absent ones take the architecture's default."""

    RULES: ClassVar[tuple[Rule, ...]] = tuple(_unused_rule(a) for a in Architecture)


class SchedulerConfig(ClosedModel):
    """How the learning rate changes, counted in optimizer steps."""

    name: SchedulerName = SchedulerName.CONSTANT
    """constant; linear or cosine decay to minLearningRate at the end of the training; step: times gamma every stepEpochs."""
    warmup_steps: int = Field(default=0, ge=0, le=10_000_000)
    """Steps over which the rate rises linearly from 0 to learningRate before the schedule starts."""
    min_learning_rate: float = Field(default=0, ge=0, le=10)
    """Final learning rate of linear and cosine."""
    step_epochs: int = Field(default=10, ge=1, le=100_000)
    """step: epochs between two reductions."""
    gamma: float = Field(default=0.1, gt=0, le=1)
    """step: factor of one reduction."""


class EarlyStopping(ClosedModel):
    """Stop when the validation loss no longer improves; the best weights become the model."""

    patience: int = Field(default=5, ge=1, le=10_000)
    """Epochs without improvement after which training stops."""
    min_delta: float = Field(default=0, ge=0, le=1e6)
    """Smallest decrease of the validation loss that counts as improvement."""


class CheckpointEvery(RuledModel):
    """When a checkpoint is written. Exactly one field is set."""

    epochs: int | None = Field(default=None, ge=1, le=100_000)
    """After this many epochs."""
    steps: int | None = Field(default=None, ge=1, le=1_000_000_000)
    """After this many optimizer steps."""
    seconds: int | None = Field(default=None, ge=1, le=86_400)
    """After this many seconds of training."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="(has(self.epochs) ? 1 : 0) + (has(self.steps) ? 1 : 0) + (has(self.seconds) ? 1 : 0) == 1",
            message="give exactly one of epochs, steps and seconds",
            holds=lambda c: sum(x is not None for x in (c.epochs, c.steps, c.seconds)) == 1,
        ),
    )


def _architecture_rule(task: Task) -> Rule:
    accepted = TASK_ARCHITECTURES[task]
    listed = ", ".join(f"'{a}'" for a in accepted)
    return Rule(
        cel=f"self.task != '{task}' || !has(self.model) || self.model.architecture in [{listed}]",
        message=f"model.architecture for {task} must be one of: {', '.join(accepted)}",
        holds=lambda c: c.task != task or c.model is None or c.model.architecture in accepted,
    )


class TrainingConfig(RuledModel):
    """What the built-in trainer does with the dataset."""

    task: Task
    """What is learned: tabular-classification, tabular-regression, image-classification or language-modeling."""
    target: str | None = Field(default=None, min_length=1, max_length=128)
    """Column (or array) to predict. Default: 'target', 'label' or 'y' if there is one, else the last column."""
    ignore_columns: list[Annotated[str, Field(min_length=1, max_length=128)]] | None = Field(
        default=None, max_length=64
    )
    """Columns that are neither features nor target, such as identifiers. Default none."""
    model: ModelConfig | None = None
    """The model; default: mlp for tabular data and images, transformer for text, with default sizes."""
    epochs: int = Field(default=10, ge=1, le=100_000)
    """Passes over the training split."""
    batch_size: int = Field(default=32, ge=1, le=65_536)
    """Samples per optimizer step, summed over all workers."""
    learning_rate: float = Field(default=1e-3, gt=0, le=10)
    """Learning rate after warm-up."""
    optimizer: OptimizerName = OptimizerName.ADAM
    """adam, adamw, sgd or rmsprop."""
    momentum: float | None = Field(default=None, ge=0, lt=1)
    """sgd and rmsprop: momentum. Default 0.9 for sgd, 0 for rmsprop."""
    weight_decay: float = Field(default=0, ge=0, le=1)
    """L2 penalty (decoupled with adamw)."""
    gradient_clip: float | None = Field(default=None, gt=0, le=1e6)
    """Maximum norm of the gradient; larger gradients are scaled down. Default: no clipping."""
    scheduler: SchedulerConfig = Field(default=SchedulerConfig())
    """How the learning rate changes. Default: constant."""
    precision: Precision = Precision.FP32
    """fp32, bf16, or fp16 with loss scaling (GPUs only)."""
    seed: int = Field(default=0, ge=0, le=4_294_967_295)
    """Seed of weights, shuffling and split: the same seed on the same hardware gives the same model."""
    validation_split: float = Field(default=0.2, ge=0, le=0.9)
    """Share of samples held out for validation; 0 means none."""
    early_stopping: EarlyStopping | None = None
    """Stop when the validation loss stops improving. Default: train all epochs."""
    checkpoint_every: CheckpointEvery = Field(default=CheckpointEvery(epochs=1))
    """When checkpoints are written. Default: after every epoch."""
    keep_checkpoints: int = Field(default=2, ge=1, le=100)
    """Number of latest checkpoints to keep; the best one is kept as well."""
    log_every_steps: int = Field(default=10, ge=1, le=1_000_000)
    """Optimizer steps between two reported training metrics."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        *(_architecture_rule(task) for task in Task),
        Rule(
            cel="!has(self.earlyStopping) || self.validationSplit > 0.0",
            message="earlyStopping needs a validationSplit above 0",
            holds=lambda c: c.early_stopping is None or c.validation_split > 0,
        ),
        Rule(
            cel="!has(self.momentum) || self.optimizer in ['sgd', 'rmsprop']",
            message="momentum is used by the optimizers sgd and rmsprop only",
            holds=lambda c: (
                c.momentum is None or c.optimizer in (OptimizerName.SGD, OptimizerName.RMSPROP)
            ),
        ),
        Rule(
            cel="self.scheduler.minLearningRate <= self.learningRate",
            message="scheduler.minLearningRate must not be above learningRate",
            holds=lambda c: c.scheduler.min_learning_rate <= c.learning_rate,
        ),
    )

    def architecture(self) -> Architecture:
        """The configured architecture, or the task's default."""
        return self.model.architecture if self.model else TASK_ARCHITECTURES[self.task][0]
