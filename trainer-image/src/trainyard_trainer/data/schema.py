"""How raw columns become model inputs; travels with the model so that prediction does the same."""

from __future__ import annotations

from typing import Literal

from trainyard_api.model import OpenModel


class Feature(OpenModel):
    """One input column: its name and how its values become numbers."""

    name: str
    """Column name."""
    kind: Literal["number", "category"]
    """number: standardised; category: one input per value."""
    mean: float = 0.0
    """number: mean of the training split; also stands in for missing values."""
    scale: float = 1.0
    """number: standard deviation of the training split, 1 for a constant column."""
    categories: list[str] = []
    """category: the values seen in training; others become all zeros."""
    missing: int = 0
    """Missing values in the dataset."""

    def width(self) -> int:
        """Number of model inputs."""
        return 1 if self.kind == "number" else len(self.categories)


class DataSchema(OpenModel):
    """What a model expects and what its outputs mean."""

    kind: Literal["table", "array", "text"]
    """table: columns; array: one tensor per sample; text: token ids."""
    features: list[Feature] = []
    """table: the input columns in order."""
    sample_shape: list[int] = []
    """Shape of one sample as the model sees it."""
    input_scale: float = 1.0
    """array: raw values are divided by this."""
    target: str | None = None
    """Name of the target column or array."""
    classes: list[str] | None = None
    """Classification: name of each output."""
    target_mean: float = 0.0
    """Regression: added to the scaled output."""
    target_scale: float = 1.0
    """Regression: the output is multiplied by this."""
    vocabulary: list[int] | None = None
    """text: byte value of each token."""
