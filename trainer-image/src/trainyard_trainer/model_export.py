"""The trained model as a safetensors file with its card inside, and its registration."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from trainyard import reporting
from trainyard.reporting.json_numbers import with_numbers
from trainyard_api import timestamps
from trainyard_api.attempt import AttemptSpec
from trainyard_api.contract import ENV_GATEWAY_URL, MODEL_CARD_FILE, MODEL_FILE
from trainyard_trainer.data import Dataset
from trainyard_trainer.errors import AccessDenied, BadConfiguration, TrainingError
from trainyard_trainer.training.train import Trainer

CARD_KEY = "trainyard"
"""Key of the card in the safetensors metadata, so that one file is enough to predict."""
SOURCE_KEY = "datasetSchema"
"""Part of the card: how the dataset's file was read."""


def model_card(spec: AttemptSpec, trainer: Trainer) -> dict[str, Any]:
    """Configuration, data, metrics, lineage and library versions.

    `metrics`, `steps` and `epochs` are those of the weights in the file, `trained` is how far the
    training came. Numbers that are not finite become text, as in reports.
    Raises ValueError for a session with `spec.command`.
    """
    if spec.training is None:
        raise ValueError("a session with a command has no model card")
    dataset, weights = trainer.dataset, trainer.trained_weights()
    card = {
        "name": spec.output_model,
        "session": {"name": spec.session, "uid": spec.uid, "attempt": spec.attempt},
        "created": timestamps.to_micros_text(time.time()),
        "training": spec.training.wire(),
        "architecture": str(spec.training.architecture()),
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "dataset": spec.dataset.wire() if spec.dataset else None,
        SOURCE_KEY: _source(dataset),
        "schema": dataset.schema.wire(),
        "shape": {"sample": list(dataset.shape.sample), "outputs": dataset.shape.outputs},
        "split": str(dataset.split),
        "samples": {"train": len(dataset.train), "validation": len(dataset.validation)},
        "metrics": weights.metrics,
        "steps": weights.step,
        "epochs": weights.epoch,
        "trained": {
            "epochs": trainer.progress.epoch,
            "steps": trainer.progress.step,
            "metrics": trainer.progress.metrics,
        },
        "notes": [*dataset.notes, *trainer.progress.notes],
        "resumedFrom": spec.resume_from.wire() if spec.resume_from else None,
        "device": trainer.device.type,
        "versions": _versions(),
    }
    found: dict[str, Any] = with_numbers(card)
    return found


def _source(dataset: Dataset) -> dict[str, Any] | None:
    if dataset.source is None:
        return None
    return dataset.source.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def _versions() -> dict[str, str]:
    """Versions of the libraries that the result depends on."""
    libraries = ("numpy", "pyarrow", "safetensors", "trainyard-trainer")
    found = {"python": platform.python_version(), "torch": torch.__version__}
    for name in libraries:
        # The image holds our packages as plain folders, without metadata.
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def save(folder: Path, trainer: Trainer, card: dict[str, Any]) -> Path:
    """Write the model and its card atomically and durably; returns the model's path.

    Raises OSError. Both files are complete or absent after a kill.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {k: v.detach().cpu().contiguous() for k, v in trainer.model.state_dict().items()}
    model = folder / MODEL_FILE
    temporary = folder / f"{MODEL_FILE}.tmp"
    save_file(tensors, temporary, metadata={CARD_KEY: json.dumps(card, allow_nan=False)})
    _sync(temporary)
    temporary.replace(model)
    card_file = folder / f"{MODEL_CARD_FILE}.tmp"
    card_file.write_text(json.dumps(card, indent=2, allow_nan=False))
    _sync(card_file)
    card_file.replace(folder / MODEL_CARD_FILE)
    _sync(folder)
    return model


def register(
    report: reporting.SessionReporter, model: Path, card: dict[str, Any]
) -> dict[str, Any]:
    """Register the model at the gateway, with retries; returns the registry's entry.

    Idempotent. Raises AccessDenied when the gateway refuses, BadConfiguration without a gateway,
    and TrainingError when the model does not arrive.
    """
    try:
        receipt = report.log_model(model, card=card)
    except reporting.ModelDeniedError as error:
        raise AccessDenied(str(error), hint="ask the administrator") from error
    except reporting.ModelNotDeliveredError as error:
        raise TrainingError(
            str(error), hint="the next attempt finds the training finished and only registers it"
        ) from error
    except reporting.ModelError as error:
        raise TrainingError(str(error)) from error
    if receipt is None:
        raise BadConfiguration(
            f"the environment variable {ENV_GATEWAY_URL} is missing: the model is saved, but not registered"
        )
    return receipt


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
