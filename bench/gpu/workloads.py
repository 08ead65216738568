"""What is trained: a network for images, one for text and one for tables, on made-up data.

`large` sizes fill a data-centre GPU, `medium` ones keep files and starts short, and `small` ones
run on a CPU in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

PRECISIONS = ("fp32", "bf16", "fp16")


@dataclass(frozen=True)
class Workload:
    """A configuration without precision, and how many samples its dataset has."""

    name: str
    training: dict[str, Any]
    samples: int
    file_format: str

    def config(self, precision: str, **changes: Any) -> dict[str, Any]:
        """The configuration of a session, in the API's spelling."""
        return {**self.training, "precision": precision, **changes}

    def write(self, folder: Path) -> Path:
        """The dataset's file; the same content each time."""
        random = np.random.default_rng(0)
        path = folder / f"{self.name}.{self.file_format}"
        match self.training["task"]:
            case "image-classification":
                labels = random.integers(0, 10, self.samples)
                noise = random.integers(0, 128, (self.samples, 3, 32, 32), dtype=np.uint8)
                images = noise + (labels * 12).astype(np.uint8)[:, None, None, None]
                np.savez(path, x=images, y=labels)
            case "language-modeling":
                context = self.training["model"]["parameters"]["contextLength"]
                words = ["".join(random.choice(list("etaoinshrdlu"), 5)) for _ in range(200)]
                length = self.samples * (context + 1)
                text = " ".join(random.choice(words, length // 6 + 1))
                path.write_text(text[:length])
            case _:
                labels = random.integers(0, 10, self.samples)
                inputs = random.normal(size=(self.samples, 64)).astype(np.float32)
                inputs[:, :10] += 2 * np.eye(10, dtype=np.float32)[labels]
                np.savez(path, x=inputs, y=labels)
        return path


@dataclass(frozen=True)
class Size:
    """Batch sizes, steps of an epoch and the transformer's sizes."""

    images: int
    texts: int
    rows: int
    steps: int
    table_steps: int
    layers: int
    heads: int
    width: int
    context: int


SIZES = {
    "small": Size(8, 8, 64, 3, 10, layers=1, heads=2, width=16, context=16),
    "medium": Size(256, 32, 256, 16, 60, layers=8, heads=8, width=512, context=256),
    "large": Size(1024, 32, 256, 8, 60, layers=8, heads=16, width=1024, context=512),
}


def workloads(size: str) -> list[Workload]:
    """All of them. A step of the table's is so short that the loop's own cost shows."""
    s = SIZES[size]
    return [
        _workload("resnet18", "image-classification", s.images, s.steps),
        _workload(
            "transformer",
            "language-modeling",
            s.texts,
            s.steps,
            layers=s.layers,
            heads=s.heads,
            embeddingSize=s.width,
            contextLength=s.context,
        ),
        _workload("mlp", "tabular-classification", s.rows, s.table_steps, hiddenSizes=[256, 256]),
    ]


def _workload(name: str, task: str, batch: int, steps: int, **parameters: Any) -> Workload:
    training = {
        "epochs": 100_000,
        "optimizer": "adamw",
        "validationSplit": 0.0,
        "task": task,
        "model": {"architecture": name} | ({"parameters": parameters} if parameters else {}),
        "batchSize": batch,
    }
    return Workload(name, training, batch * steps, "txt" if name == "transformer" else "npz")
