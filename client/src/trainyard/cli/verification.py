"""`models verify`: the files of a model and of the dataset that it learned, and the measurement."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainyard.cli.errors import DatasetGone, DatasetReplaced, UsageProblem
from trainyard.cli.text.progress_bar import progress_bar
from trainyard.errors import NotFound
from trainyard_api.names import is_artifact_name

if TYPE_CHECKING:
    from trainyard.client import Client

_PACKAGES = ("trainyard_trainer", "torch")


def require_trainer(model: str) -> None:
    """Raises UsageProblem where the trainer or PyTorch is not installed."""
    if any(importlib.util.find_spec(part) is None for part in _PACKAGES):
        raise UsageProblem(
            "measuring needs the package trainyard-trainer with PyTorch in this Python; or download"
            f" the model (trainyard models get {model}) and its dataset (trainyard datasets get"
            " NAME) and run, where they are installed,"
            " python -m trainyard_trainer verify --model FILE --dataset FILE"
        )


def fetch_dataset(
    client: Client, model: str, version: int | None, folder: Path
) -> tuple[int, Path]:
    """Download the dataset that a model's card names; the model's version, and the file.

    Raises UsageProblem for a card that names none, DatasetGone, and DatasetReplaced if the gateway
    has other content under that name.
    """
    found = client.model(model, version)
    name, sha256 = named_dataset(model, found.card)
    try:
        known = client.dataset(name)
    except NotFound as error:
        raise DatasetGone(
            f"the dataset {name!r} that the model learned is not there any more; give its file"
            " with --dataset FILE"
        ) from error
    if known.sha256 != sha256:
        raise DatasetReplaced(
            f"the dataset {name!r} was replaced after the model learned it: its sha256 begins with"
            f" {known.sha256[:12]}, and the card names {sha256[:12]}; give the file that the model"
            " learned with --dataset FILE"
        )
    file = folder / "dataset"
    with progress_bar(name) as progress:
        client.download_dataset(name, file, progress=progress)
    return found.version, file


def named_dataset(model: str, card: dict[str, Any]) -> tuple[str, str]:
    """Name and hash of the dataset in a card, which comes from a file. Raises UsageProblem."""
    stated = card.get("dataset")
    name, sha256 = (stated.get(k) if isinstance(stated, dict) else None for k in ("name", "sha256"))
    if not isinstance(name, str) or not is_artifact_name(name) or not isinstance(sha256, str):
        raise UsageProblem(
            f"the card of {model!r} names no dataset; give the file that the model learned with"
            " --dataset FILE"
        )
    return name, sha256


def measured(model: Path, dataset: Path) -> int:
    """Exit code of the trainer's `verify`, which runs without a shell."""
    return asyncio.run(_run(model, dataset))


async def _run(model: Path, dataset: Path) -> int:
    command = ["-m", "trainyard_trainer", "verify", "--model", str(model)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, "--dataset", str(dataset)
    )
    return await process.wait()
