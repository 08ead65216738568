"""Load a trained model from its file and predict.

`python -m trainyard_trainer predict --model FILE --input FILE` runs it.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import safe_open
from torch import Tensor

from trainyard_api.contract import MODEL_FILE
from trainyard_api.datasets.schema import DatasetSchema
from trainyard_api.training import TrainingConfig
from trainyard_data import signatures, texts
from trainyard_trainer import models
from trainyard_trainer.data import faults
from trainyard_trainer.data.schema import DataSchema
from trainyard_trainer.errors import BadData
from trainyard_trainer.inference import inputs
from trainyard_trainer.inference.generate import Sampling, generate
from trainyard_trainer.model_export import CARD_KEY, SOURCE_KEY
from trainyard_trainer.models.transformer import Transformer

BATCH = 64
"""Samples that are computed together; a last part is filled up with zeros.

A kernel is chosen by the shape of its batch, and each rounds its own way. On some processors a row
is rounded by its place in the batch as well. Rows of tables are therefore computed in float64, and
their scores rounded to float32: they are the same alone and among others. Convolutions would be
several times slower that way; scores of images may differ in the last digits.
"""
_TABLE_DIMENSIONS = 2
"""Rows × columns."""


@dataclass(frozen=True, slots=True)
class Predictor:
    """A trained model with everything needed to use it."""

    model: torch.nn.Module
    schema: DataSchema
    card: dict[str, Any]
    source: DatasetSchema | None = None
    """How the training data was read; None for models of version 0.1."""

    @classmethod
    def load(cls, path: Path) -> Predictor:
        """Load a model file, or the one in a folder. Raises BadData for another file."""
        file = path / MODEL_FILE if path.is_dir() else path
        try:
            with safe_open(file, framework="pt") as archive:
                card = json.loads((archive.metadata() or {}).get(CARD_KEY, "null"))
                tensors = {name: archive.get_tensor(name) for name in archive.keys()}  # noqa: SIM118 - no mapping
        except Exception as error:  # safetensors raises its own and builtin errors alike
            raise BadData(f"{file} is no model file: {_what_it_is(file) or error}") from error
        if card is None:
            raise BadData(f"{file} has no model card; it was not trained by Trainyard")
        try:
            config = TrainingConfig.model_validate(card["training"])
            shape = models.Shape(tuple(card["shape"]["sample"]), card["shape"]["outputs"])
            schema = DataSchema.model_validate(card["schema"])
            source = (
                DatasetSchema.model_validate(card[SOURCE_KEY]) if card.get(SOURCE_KEY) else None
            )
            model = models.build(config, shape)
            model.load_state_dict(tensors)
        except (
            ValidationError,
            RuntimeError,
            KeyError,
            TypeError,
            ValueError,
            IndexError,
        ) as error:
            raise BadData(
                f"the card of {file} does not fit its weights: {' '.join(str(error).split())[:500]}"
            ) from error
        return cls(model.eval(), schema, card, source)

    @torch.no_grad()
    def scores(self, samples: Tensor) -> Tensor:
        """Raw outputs of the model, samples × outputs, as float32."""
        model = self.model
        if samples.is_floating_point() and samples.dim() == _TABLE_DIMENSIONS:
            model, samples = copy.deepcopy(model).double(), samples.double()
        parts = []
        for part in torch.split(samples, BATCH):
            filled = part.new_zeros((BATCH, *part.shape[1:]))
            filled[: len(part)] = part
            parts.append(model(filled)[: len(part)])
        return torch.cat(parts).float()

    def predict(self, samples: Tensor) -> list[Any]:
        """Class names, or values in the target's own unit."""
        scores, schema = self.scores(samples), self.schema
        if schema.classes is not None:
            return [schema.classes[i] for i in scores.argmax(-1).tolist()]
        return [v * schema.target_scale + schema.target_mean for v in scores.squeeze(-1).tolist()]

    def predict_file(
        self, path: Path, sampling: Sampling
    ) -> tuple[list[Any], list[str | None] | None]:
        """A prediction for each sample, and the true classes if the file has them.

        The class of a sample without one is None. Raises BadData, OutOfMemory and OSError.
        """
        file_format = inputs.format_of(path, self.schema)
        with faults.of_file(path.name):
            if isinstance(self.model, Transformer):
                prompts = texts.prompts(path, file_format)
                return [generate(self.model, self.schema, p, sampling) for p in prompts], None
            found = inputs.read(path, file_format, self.schema, self.source)
            return self.predict(found.tensor), found.truth


def _what_it_is(file: Path) -> str | None:
    """The kind of another file by its first bytes."""
    try:
        with file.open("rb") as opened:
            kind = signatures.kind_of(opened.read(signatures.LONGEST))
    except OSError:
        return None
    return f"it is {kind}" if kind else None
