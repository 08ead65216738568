"""Load a trained model from its file and predict.

`python -m trainyard_trainer predict --model FILE --input FILE` runs it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from trainyard_api.contract import MODEL_FILE
from trainyard_api.training import TrainingConfig
from trainyard_trainer import models
from trainyard_trainer.data import arrays, features, images, texts
from trainyard_trainer.data.columns import Column, TextColumn
from trainyard_trainer.data.columns import read as read_columns
from trainyard_trainer.data.schema import DataSchema
from trainyard_trainer.errors import BadData
from trainyard_trainer.inference.generate import Sampling, generate
from trainyard_trainer.model_export import CARD_KEY
from trainyard_trainer.models.transformer import Transformer

FORMATS = {
    ".csv": "csv", ".parquet": "parquet", ".jsonl": "jsonl", ".npz": "npz", ".npy": "npy", ".txt": "text",
    ".zip": "images", ".tar": "images", ".tgz": "images", ".gz": "images",
}  # fmt: skip
_FITTING = {
    "table": ("csv", "parquet", "jsonl", "npz", "npy"),
    "array": ("npz", "npy", "images"),
    "text": ("text", "jsonl"),
}
"""What a model of each kind can take."""


@dataclass(frozen=True, slots=True)
class Predictor:
    """A trained model with everything needed to use it."""

    model: torch.nn.Module
    schema: DataSchema
    card: dict[str, Any]

    @classmethod
    def load(cls, path: Path) -> Predictor:
        """Load a model file, or the one in a folder. Raises BadData for another file."""
        file = path / MODEL_FILE if path.is_dir() else path
        try:
            with safe_open(file, framework="pt") as archive:
                card = json.loads((archive.metadata() or {}).get(CARD_KEY, "null"))
                tensors = {name: archive.get_tensor(name) for name in archive.keys()}  # noqa: SIM118 - no mapping
        except Exception as error:  # safetensors raises its own and builtin errors alike
            raise BadData(f"{file} is no model file: {error}") from error
        if card is None:
            raise BadData(f"{file} has no model card; it was not trained by Trainyard")
        config = TrainingConfig.model_validate(card["training"])
        shape = models.Shape(tuple(card["shape"]["sample"]), card["shape"]["outputs"])
        model = models.build(config, shape)
        model.load_state_dict(tensors)
        return cls(model.eval(), DataSchema.model_validate(card["schema"]), card)

    @torch.no_grad()
    def scores(self, inputs: Tensor) -> Tensor:
        """Raw outputs of the model."""
        parts = [self.model(part) for part in torch.split(inputs, 1024)]
        return torch.cat(parts)

    def predict(self, inputs: Tensor) -> list[Any]:
        """Class names, or values in the target's own unit."""
        scores, schema = self.scores(inputs), self.schema
        if schema.classes is not None:
            return [schema.classes[i] for i in scores.argmax(-1).tolist()]
        return [v * schema.target_scale + schema.target_mean for v in scores.squeeze(-1).tolist()]

    def predict_file(self, path: Path, sampling: Sampling) -> tuple[list[Any], list[str] | None]:
        """A prediction for each sample, and the true values if the file has them.

        Raises BadData.
        """
        file_format = format_of(path, self.schema)
        if isinstance(self.model, Transformer):
            prompts = texts.prompts(path, file_format)
            return [generate(self.model, self.schema, p, sampling) for p in prompts], None
        inputs, truth = read_inputs(path, file_format, self.schema)
        return self.predict(inputs), truth


def format_of(path: Path, schema: DataSchema) -> str:
    """By the file's name. Raises BadData when the model cannot take such a file."""
    found = FORMATS.get(path.suffix.lower())
    fitting = _FITTING[schema.kind]
    if found is None or found not in fitting:
        suffixes = [suffix for suffix, name in FORMATS.items() if name in fitting]
        raise BadData(f"{path.name}: this model takes files that end in {', '.join(suffixes)}")
    return found


def read_inputs(
    path: Path, file_format: str, schema: DataSchema
) -> tuple[Tensor, list[str] | None]:
    """Model inputs of a file, and its targets as text where it has them."""
    if file_format == "images":
        channels, height, width = schema.sample_shape
        pixels, classes = images.read(path, like=(channels, height, width))
        scaled = pixels.astype(np.float32) / np.float32(schema.input_scale)
        return torch.from_numpy(scaled), classes
    if file_format in ("npz", "npy"):
        return _from_arrays(arrays.read(path, file_format), schema)
    columns = read_columns(path, file_format)
    inputs = torch.from_numpy(features.encode(columns, schema.features))
    return inputs, _truth(columns.get(schema.target or ""))


def _from_arrays(loaded: dict[str, Any], schema: DataSchema) -> tuple[Tensor, list[str] | None]:
    names = [n for n in loaded if n != schema.target]
    chosen = next((n for n in arrays.INPUT_NAMES if n in names), names[0] if names else None)
    if chosen is None:
        raise BadData(f"no array with samples among {list(loaded)}")
    target = loaded.get(schema.target or "")
    truth = None if target is None else _truth(arrays.as_target(target, schema.target or ""))
    if schema.kind == "table":
        columns = arrays.as_columns(loaded[chosen])
        return torch.from_numpy(features.encode(columns, schema.features)), truth
    pixels = arrays.as_images(loaded[chosen], chosen).astype(np.float32) / np.float32(
        schema.input_scale
    )
    return torch.from_numpy(pixels), truth


def _truth(values: Column | None) -> list[str] | None:
    if values is None:
        return None
    if isinstance(values, TextColumn):
        return [values[row] or "" for row in range(len(values))]
    return ["" if v != v else features.class_name(v) for v in values.tolist()]
