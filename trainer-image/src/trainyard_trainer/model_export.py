"""What a finished run leaves: the model as safetensors with its card inside, and its registration."""

from __future__ import annotations

import contextlib
import json
import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from trainyard import reporting
from trainyard_api.attempt import AttemptSpec
from trainyard_api.contract import ENV_GATEWAY_URL, MODEL_CARD_FILE, MODEL_FILE
from trainyard_trainer.errors import AccessDenied, BadConfiguration, TrainingError
from trainyard_trainer.train import Trainer

CARD_KEY = "trainyard"
"""Key of the card in the safetensors metadata: the one file is enough to predict."""


def model_card(run: AttemptSpec, trainer: Trainer) -> dict[str, Any]:
    """Configuration, data, metrics, lineage and versions."""
    if run.training is None:
        raise ValueError("a run of an own program has no model card")
    parameters = sum(p.numel() for p in trainer.model.parameters())
    return {
        "name": run.output_model,
        "session": {"name": run.session, "uid": run.uid, "attempt": run.attempt},
        "created": datetime.now(UTC).isoformat(),
        "training": run.training.wire(),
        "architecture": str(run.training.architecture()),
        "parameters": parameters,
        "dataset": run.dataset.wire() if run.dataset else None,
        "schema": trainer.dataset.schema.wire(),
        "shape": {
            "sample": list(trainer.dataset.shape.sample),
            "outputs": trainer.dataset.shape.outputs,
        },
        "samples": {
            "train": len(trainer.dataset.train),
            "validation": len(trainer.dataset.validation),
        },
        "metrics": trainer.position.metrics,
        "steps": trainer.position.step,
        "epochs": trainer.position.epoch,
        "resumedFrom": run.resume_from.wire() if run.resume_from else None,
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    """Of what the result depends on."""
    libraries = ("numpy", "pyarrow", "safetensors", "trainyard-trainer")
    found = {"python": platform.python_version(), "torch": torch.__version__}
    for name in libraries:
        # The image holds our own packages as plain folders.
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def save(folder: Path, trainer: Trainer, card: dict[str, Any]) -> Path:
    """Write model and card, beside and renamed; returns the model's path."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {k: v.detach().cpu().contiguous() for k, v in trainer.model.state_dict().items()}
    model = folder / MODEL_FILE
    temporary = folder / f"{MODEL_FILE}.tmp"
    save_file(tensors, temporary, metadata={CARD_KEY: json.dumps(card)})
    _sync(temporary)
    temporary.replace(model)
    card_file = folder / f"{MODEL_CARD_FILE}.tmp"
    card_file.write_text(json.dumps(card, indent=2))
    _sync(card_file)
    card_file.replace(folder / MODEL_CARD_FILE)
    _sync(folder)
    return model


def register(report: reporting.Run, model: Path, card: dict[str, Any]) -> dict[str, Any]:
    """Have the gateway take the model over. Safe to repeat. Raises AccessDenied or TrainingError."""
    try:
        receipt = report.log_model(model, card=card)
    except reporting.ModelDeniedError as error:
        raise AccessDenied(str(error), hint="ask whoever runs the installation") from error
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
