"""Many sessions at once with the asynchronous client: three learning rates, the best one first.

TRAINYARD_URL=https://gateway.example TRAINYARD_API_KEY=… python examples/compare_runs.py digits
"""

from __future__ import annotations

import asyncio
import os
import sys

from trainyard import AsyncClient

RATES = (0.0003, 0.001, 0.003)


async def train(gateway: AsyncClient, dataset: str, rate: float) -> tuple[float, str]:
    """Validation loss and name of a session with this learning rate."""
    session = await gateway.start_training(
        {
            "dataset": dataset,
            "training": {"task": "tabular-classification", "learningRate": rate},
            "resources": {"gpus": 0},
        }
    )
    async for _ in gateway.events(session.uid):
        pass  # until it is over
    loss = (await gateway.metrics(session.uid)).get("val/loss")
    return (float("inf") if loss is None else loss), f"{session.name} at {rate}"


async def main(dataset: str) -> None:
    """Train with every rate and print them in order."""
    async with AsyncClient(os.environ["TRAINYARD_URL"], os.environ["TRAINYARD_API_KEY"]) as gateway:
        runs = await asyncio.gather(*(train(gateway, dataset, rate) for rate in RATES))
    for loss, name in sorted(runs):
        print(f"{loss:.4f} {name}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
