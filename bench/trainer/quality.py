"""Quality on real data, beside scikit-learn on the same split: `python bench/trainer/quality.py [--update docs/trainer.md] [NAME …]`.

Every row is a training by the trainer's own loop from a file, as in a session, without the gateway. Both sides see the same
training rows and are judged on the same validation rows; nothing is tuned on another split.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn import datasets, ensemble, linear_model, pipeline, preprocessing

from trainyard.reporting import NoOpReporter
from trainyard_api.training import TrainingConfig
from trainyard_trainer import data
from trainyard_trainer.checkpoints.folder import CheckpointFolder
from trainyard_trainer.data import split
from trainyard_trainer.distributed.process_group import ProcessGroup
from trainyard_trainer.training.train import Trainer

SONNETS = Path(__file__).with_name("sonnets.txt")
BEGIN, END = "<!-- quality: begin -->", "<!-- quality: end -->"


@dataclass(frozen=True)
class Case:
    """A dataset, its configuration, and the metric that counts."""

    name: str
    metric: str
    goal: float
    training: dict[str, Any]
    bunch: Callable[[], Any] | None = None
    higher_is_better: bool = True


@dataclass(frozen=True)
class Result:
    """One row of the table; `others` by the name of the method."""

    case: Case
    value: float
    others: dict[str, float]
    seconds: float

    def reached(self) -> bool:
        """Whether the goal is met."""
        better = self.value >= self.case.goal
        return better if self.case.higher_is_better else self.value <= self.case.goal


STOP = {"earlyStopping": {"patience": 25}, "checkpointEvery": {"epochs": 1000}}
CASES = (
    Case(
        "digits",
        "val/accuracy",
        0.97,
        {
            "task": "image-classification",
            "model": {"architecture": "cnn"},
            "epochs": 15,
            "batchSize": 64,
            "scheduler": {"name": "cosine"},
            "checkpointEvery": {"epochs": 1000},
        },
        datasets.load_digits,
    ),
    Case(
        "breast cancer",
        "val/accuracy",
        0.95,
        {
            "task": "tabular-classification",
            "epochs": 60,
            "weightDecay": 0.01,
            "optimizer": "adamw",
            **STOP,
        },
        datasets.load_breast_cancer,
    ),
    Case(
        "diabetes",
        "val/r2",
        0.40,
        {
            "task": "tabular-regression",
            "epochs": 150,
            "weightDecay": 0.01,
            "model": {
                "architecture": "mlp",
                "parameters": {"hiddenSizes": [32], "dropout": 0.2, "activation": "silu"},
            },
            **STOP,
        },
        datasets.load_diabetes,
    ),
    Case(
        "sonnets",
        "val/perplexity",
        15.0,
        {
            "task": "language-modeling",
            "validationSplit": 0.1,
            "epochs": 150,
            "batchSize": 8,
            "learningRate": 3e-3,
            "optimizer": "adamw",
            "weightDecay": 0.1,
            "model": {
                "architecture": "transformer",
                "parameters": {
                    "layers": 2,
                    "heads": 4,
                    "embeddingSize": 64,
                    "contextLength": 48,
                    "dropout": 0.2,
                },
            },
            **STOP,
        },
        higher_is_better=False,
    ),
)


def measure(case: Case, folder: Path) -> Result:
    """Train, and let the others do the same rows."""
    config = TrainingConfig.model_validate(case.training)
    if case.bunch is None:
        path, kind = SONNETS, "text"
    else:
        bunch = case.bunch()
        path, kind = folder / "data.npz", "npz"
        np.savez(path, x=bunch.get("images", bunch.data), y=bunch.target)
    dataset = data.load(path, kind, config)
    began = time.perf_counter()
    checkpoints = CheckpointFolder(folder / "checkpoints")
    trainer = Trainer(
        config, dataset, checkpoints, NoOpReporter(), ProcessGroup(), torch.device("cpu")
    )
    with contextlib.redirect_stdout(io.StringIO()):
        trainer.fit()
    seconds = time.perf_counter() - began
    value = trainer.trained_weights().metrics[case.metric]
    return Result(case, value, others(case, config), seconds)


def others(case: Case, config: TrainingConfig) -> dict[str, float]:
    """scikit-learn on the same rows; for text the entropy of ever longer contexts counted in the same bytes."""
    if case.bunch is None:
        return n_grams(SONNETS.read_bytes(), config)
    bunch = case.bunch()
    if "regression" in config.task:
        rows = split.shuffled(np.arange(len(bunch.data)), config)
        linear: Any = linear_model.Ridge(alpha=1.0)
        trees: Any = ensemble.HistGradientBoostingRegressor(random_state=0)
    else:
        rows = split.stratified(bunch.target, config)
        linear = linear_model.LogisticRegression(max_iter=5000)
        trees = ensemble.HistGradientBoostingClassifier(random_state=0)
    found = {}
    for name, model in (("linear", linear), ("gradient boosting", trees)):
        scaled = pipeline.make_pipeline(preprocessing.StandardScaler(), model)
        scaled.fit(bunch.data[rows.train], bunch.target[rows.train])
        found[name] = float(
            scaled.score(bunch.data[rows.validation], bunch.target[rows.validation])
        )
    return found


def n_grams(text: bytes, config: TrainingConfig) -> dict[str, float]:
    """Perplexity of counted contexts of 0 and 1 bytes, with one count added to everything, on the same end of the text."""
    cut = int(len(text) * (1 - config.validation_split))
    known, held_out = text[:cut], text[cut:]
    size = len(set(text))
    found = {}
    for order, name in ((0, "single characters"), (1, "pairs of characters")):
        contexts = Counter(known[i - order : i] for i in range(order, len(known)))
        follow = Counter(known[i - order : i + 1] for i in range(order, len(known)))
        bits = [
            math.log(
                (follow[held_out[i - order : i + 1]] + 1)
                / (contexts[held_out[i - order : i]] + size)
            )
            for i in range(order, len(held_out))
        ]
        found[name] = math.exp(-sum(bits) / len(bits))
    return found


def table(results: list[Result]) -> str:
    """Markdown."""
    lines = [
        "| Data | Metric (validation) | Goal | Trainyard | scikit-learn, or counted n-grams | Training time |",
        "|---|---|---:|---:|---|---:|",
    ]
    for r in results:
        shown = ", ".join(f"{name} {value:.3f}" for name, value in r.others.items())
        sign = "≥" if r.case.higher_is_better else "≤"
        metric = r.case.metric.removeprefix("val/")
        lines.append(
            f"| {r.case.name} | {metric} | {sign} {r.case.goal:g} | {r.value:.3f} | {shown} | {r.seconds:.0f} s |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """0 when every goal is met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="datasets; all by default")
    parser.add_argument("--update", type=Path, help="page whose table is replaced")
    options = parser.parse_args(arguments)
    results = []
    for case in CASES:
        if not options.names or case.name in options.names:
            with tempfile.TemporaryDirectory() as folder:
                results.append(measure(case, Path(folder)))
    print(table(results))
    if options.update:
        page = options.update.read_text()
        before, rest = page.split(BEGIN)
        after = rest.split(END)[1]
        options.update.write_text(f"{before}{BEGIN}\n{table(results)}{END}{after}")
    return 0 if all(r.reached() for r in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
