"""Measure again what a model's card states, from the model's file and the dataset's file.

`python -m trainyard_trainer verify --model FILE --dataset FILE` runs it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from trainyard.reporting.json_numbers import with_numbers
from trainyard_api.training import Precision, TrainingConfig
from trainyard_trainer import data
from trainyard_trainer.data import Dataset, Terms
from trainyard_trainer.data.split import SplitRule
from trainyard_trainer.distributed.process_group import ProcessGroup
from trainyard_trainer.inference.predict import Predictor
from trainyard_trainer.training.batches import split_into_batches
from trainyard_trainer.training.evaluation import evaluate

EXACT = 1e-5
"""Relative difference of a metric that single precision on a CPU explains."""
ROUGH = 2e-2
"""The same for half precision, and for what a GPU has computed."""
_IN_UNITS = ("rmse", "mae")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that the card states."""

    name: str
    stated: Any
    measured: Any
    tolerance: float = 0.0
    """Absolute difference of numbers that is none."""

    @property
    def difference(self) -> float | None:
        """Of two numbers; None of anything else."""
        if isinstance(self.stated, bool) or isinstance(self.measured, bool):
            return None
        try:
            found = abs(float(self.stated) - float(self.measured))
        except (TypeError, ValueError):
            return None
        return found if math.isfinite(found) else None

    @property
    def agrees(self) -> bool:
        """Whether both are equal, within the tolerance."""
        difference = self.difference
        if difference is None:
            return bool(self.stated == self.measured)
        return difference <= self.tolerance


def verify(model: Path, dataset: Path) -> list[Check]:
    """Everything that the card states and that follows from the two files.

    Raises BadData, BadConfiguration, DatasetMissing and OutOfMemory.
    """
    predictor = Predictor.load(model)
    card = predictor.card
    config = TrainingConfig.model_validate(card["training"])
    stated = card.get("dataset") or {}
    found = data.load(dataset, str(stated.get("format")), config, _terms(predictor))
    return [
        Check("dataset.sha256", stated.get("sha256"), _sha256(dataset)),
        Check("parameters", card.get("parameters"), _parameters(predictor)),
        *_of_samples(card, found),
        *_of_schema(card, found),
        *_of_counts(card, config, found),
        *_of_notes(card, found),
        *_of_metrics(card, config, predictor, found),
    ]


def _terms(predictor: Predictor) -> Terms:
    """The data as the training read it; a fork kept the statistics of the session before."""
    card = predictor.card
    learned = predictor.schema if card.get("resumedFrom") else None
    rule = SplitRule(card.get("split", SplitRule.SHUFFLED))
    return Terms(predictor.source, learned=learned, classes_by=rule)


def _parameters(predictor: Predictor) -> int:
    return sum(p.numel() for p in predictor.model.parameters())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _of_samples(card: Mapping[str, Any], found: Dataset) -> Iterator[Check]:
    shape, samples = card.get("shape") or {}, card.get("samples") or {}
    yield Check("shape.sample", shape.get("sample"), list(found.shape.sample))
    yield Check("shape.outputs", shape.get("outputs"), found.shape.outputs)
    if "split" in card:
        yield Check("split", card["split"], str(found.split))
    yield Check("samples.train", samples.get("train"), len(found.train))
    yield Check("samples.validation", samples.get("validation"), len(found.validation))


def _of_schema(card: Mapping[str, Any], found: Dataset) -> Iterator[Check]:
    """The classes, and each value of the schema that differs."""
    stated, measured = (dict(_leaves(s)) for s in (card["schema"], found.schema.wire()))
    classes = card["schema"].get("classes")
    if classes is not None:
        yield Check("schema.classes", classes, found.schema.classes)
    different = []
    for name in stated.keys() | measured.keys():
        one, two = stated.get(name), measured.get(name)
        check = Check(f"schema.{name}", one, two, EXACT * abs(one) if isinstance(one, float) else 0)
        if not check.agrees and not name.startswith("classes."):
            different.append(check)
    if different:
        yield from sorted(different, key=lambda c: c.name)
    else:
        yield Check("schema (values)", len(stated), len(measured))


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Each value of nested objects and lists with its path."""
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield from _leaves(below, f"{name}.{key}".lstrip("."))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from _leaves(below, f"{name}.{index}")
    else:
        yield name, value


def _of_counts(card: Mapping[str, Any], config: TrainingConfig, found: Dataset) -> Iterator[Check]:
    """Steps follow from epochs and samples; cards of version 0.1 state the last epoch only."""
    per_epoch = len(split_into_batches(len(found.train), config.batch_size))
    trained = card.get("trained") or {}
    for name, part in (("", card), ("trained.", trained)):
        epochs = part.get("epochs")
        if isinstance(epochs, int):
            yield Check(f"{name}epochs", epochs, min(max(epochs, 0), config.epochs))
            yield Check(f"{name}steps", part.get("steps"), epochs * per_epoch)


def _of_notes(card: Mapping[str, Any], found: Dataset) -> Iterator[Check]:
    """What is to be said of the data is in the card."""
    if isinstance(card.get("notes"), list):
        kept = [n for n in found.notes if n in card["notes"]]
        yield Check("notes (of the data)", len(kept), len(found.notes))


def _of_metrics(
    card: Mapping[str, Any], config: TrainingConfig, predictor: Predictor, found: Dataset
) -> Iterator[Check]:
    exact = card.get("device", "cpu") == "cpu" and config.precision is Precision.FP32
    if config.precision is Precision.FP16:
        config = config.model_copy(update={"precision": Precision.FP32})
    cpu = torch.device("cpu")
    measured = evaluate(predictor.model, found, config, cpu, ProcessGroup())
    stated = card.get("metrics") or {}
    for name in sorted(stated.keys() | measured.keys()):
        value = measured.get(name)
        share = EXACT if exact else ROUGH
        unit = predictor.schema.target_scale if name.endswith(_IN_UNITS) else 1.0
        size = abs(value) if value is not None and math.isfinite(value) else 0.0
        tolerance = share * max(size, 0.1 * unit)
        yield Check(f"metrics.{name}", stated.get(name), with_numbers(value), tolerance)


def table(checks: list[Check]) -> str:
    """The checks as aligned columns, and a sentence."""
    rows = [("", "STATED", "MEASURED", "DIFFERENCE")]
    for check in checks:
        same = "none" if check.agrees else "DIFFERS"
        difference = f"{check.difference:.2g}" if check.difference else ""
        cells = (_shown(check.stated), _shown(check.measured), f"{same} {difference}".rstrip())
        rows.append((check.name, *cells))
    widths = [max(len(row[n]) for row in rows) for n in range(4)]
    lines = [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    right = sum(check.agrees for check in checks)
    return "\n".join([*lines, f"{right} of {len(checks)} agree"]) + "\n"


def _shown(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= 40 else f"{text[:37]}..."
