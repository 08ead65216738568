"""What is trained: a network for images, one for text and one for tables, on made-up data.

The sizes fill a data-centre GPU; `small` ones run on a CPU in seconds.
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


def workloads(small: bool) -> list[Workload]:
    """All of them. A step of the table's is so short that the loop's own cost shows."""
    common = {"epochs": 100_000, "optimizer": "adamw", "validationSplit": 0.0}
    parameters = {"layers": 8, "heads": 8, "embeddingSize": 512, "contextLength": 256}
    if small:
        parameters = {"layers": 1, "heads": 2, "embeddingSize": 16, "contextLength": 16}
    images, texts, rows = (8, 8, 64) if small else (256, 32, 256)
    steps, table_steps = (3, 10) if small else (40, 200)
    return [
        Workload(
            "resnet18",
            {
                **common,
                "task": "image-classification",
                "model": {"architecture": "resnet18"},
                "batchSize": images,
            },
            images * steps,
            "npz",
        ),
        Workload(
            "transformer",
            {
                **common,
                "task": "language-modeling",
                "model": {"architecture": "transformer", "parameters": parameters},
                "batchSize": texts,
            },
            texts * steps,
            "txt",
        ),
        Workload(
            "mlp",
            {
                **common,
                "task": "tabular-classification",
                "model": {"architecture": "mlp", "parameters": {"hiddenSizes": [256, 256]}},
                "batchSize": rows,
            },
            rows * table_steps,
            "npz",
        ),
    ]
