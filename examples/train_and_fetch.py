"""From a file to a trained model in one program: upload, start, follow, download.

TRAINYARD_URL=https://gateway.example TRAINYARD_API_KEY=… python examples/train_and_fetch.py flowers.csv
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from trainyard import Client


def main(path: Path) -> None:
    """Train a classifier on the file's table and leave its weights beside it."""
    with Client(os.environ["TRAINYARD_URL"], os.environ["TRAINYARD_API_KEY"]) as gateway:
        dataset = gateway.upload_dataset(path.stem, path)
        print(f"{dataset.name}: {dataset.details.samples} samples")

        session = gateway.start_training(
            {
                "dataset": dataset.name,
                "training": {"task": "tabular-classification", "epochs": 5},
                "resources": {"gpus": 0, "cpu": "500m", "memory": "1Gi"},
            }
        )
        for event in gateway.events(session.uid):
            if event.kind == "metrics":
                last = event.data["points"][-1]
                print(f"step {last['step']}: {last['name']} {last['value']}")
            elif event.kind == "phase":
                print(event.data["phase"])

        ended = gateway.status(session.uid)
        if ended.status.model is None:
            sys.exit(f"{ended.name} ended as {ended.phase}: {ended.status.message}")
        target = path.with_suffix(".safetensors")
        gateway.download_model(ended.status.model.name, target, ended.status.model.version)
        print(f"the model is in {target}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
