"""What a card states is measured again for data of every kind, forks, resumed runs and corrections."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, reject
from hypothesis import strategies as st
from image_archives import encoded, zip_of
from PIL import Image
from trained_models import Life, save_model, train

from trainyard_api.datasets.choices import SchemaChoices
from trainyard_data.errors import DataError
from trainyard_data.inspection import inspect
from trainyard_trainer.errors import BadConfiguration, BadData, Diverged
from trainyard_trainer.inference import verify


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@dataclass(frozen=True)
class Made:
    """A dataset's file, how to train on it, and how its owner says that it is read."""

    path: Path
    file_format: str
    training: dict[str, Any]
    choices: dict[str, Any] = field(default_factory=dict)


MLP = {"architecture": "mlp", "parameters": {"hiddenSizes": [6]}}
CNN = {"architecture": "cnn", "parameters": {"channels": [4]}}
Random = np.random.Generator


def pictures(folder: Path, random: Random) -> Made:
    """An archive of images of two sizes and several modes, perhaps with folders of splits."""
    members = {}
    splits = ("train/", "val/", "test/") if random.random() < 0.3 else ("",)
    kinds = ["cat", "dog", "owl"][: int(random.integers(2, 4))]
    for number in range(24):
        size = (8, 8) if number % 5 else (11, 9)
        pixels = random.integers(0, 256, (*size, 3), np.uint8)
        mode = ("RGB", "L", "RGBA", "I;16")[int(random.integers(0, 4))]
        image = Image.fromarray(pixels).convert("L" if mode == "I;16" else mode)
        if mode == "I;16":
            image = Image.fromarray(np.asarray(image).astype(np.uint16) * 200)
        split = splits[number // len(kinds) % len(splits)]
        members[f"{split}{kinds[number % len(kinds)]}/{number}.png"] = encoded(image)
    path = folder / "d.zip"
    path.write_bytes(zip_of(members))
    choices = {"imageSize": [6, 7]} if random.random() < 0.3 else {}
    model = CNN if random.random() < 0.5 else MLP
    return Made(path, "images", {"task": "image-classification", "model": model}, choices)


def image_arrays(folder: Path, random: Random) -> Made:
    """Images as an array: gray or with channels on either side, bytes or numbers."""
    shape = ((24, 8, 8), (24, 8, 8, 3), (24, 3, 8, 8), (24, 4, 4, 4))[int(random.integers(0, 4))]
    pixels = random.integers(0, 200, shape).astype(np.uint8)
    values: Any = pixels if random.random() < 0.5 else pixels / random.choice([1.0, 255.0, 0.01])
    np.savez(folder / "d.npz", x=values, y=np.arange(24) % 3)
    choices = {"channelAxis": "first"} if shape == (24, 4, 4, 4) else {}
    training = {"task": "image-classification", "model": CNN if random.random() < 0.5 else MLP}
    return Made(folder / "d.npz", "npz", training, choices)


def number_arrays(folder: Path, random: Random) -> Made:
    """A matrix with a target beside it or in its last column, for classes or for a number."""
    values = random.normal(size=(40, 4)) * 10.0 ** random.integers(-3, 4)
    classes = random.random() < 0.5
    target = random.integers(0, 3, 40) if classes else random.normal(size=40) * 100
    task = "tabular-classification" if classes else "tabular-regression"
    training = {"task": task, "model": MLP}
    if random.random() < 0.5:
        np.save(folder / "d.npy", np.column_stack([values, target]))
        return Made(folder / "d.npy", "npy", training)
    np.savez(folder / "d.npz", features=values.astype(np.float32), label=target)
    return Made(folder / "d.npz", "npz", training)


def words(folder: Path, random: Random) -> Made:
    """A text, or texts in lines of JSON."""
    sizes = {
        "layers": 1,
        "heads": 1,
        "embeddingSize": 8,
        "contextLength": int(random.integers(4, 12)),
    }
    model = {"architecture": "transformer", "parameters": sizes}
    training = {"task": "language-modeling", "model": model}
    letters = [chr(97 + n) for n in random.integers(0, random.integers(2, 20), 300)]
    text = "".join(letters)
    if random.random() < 0.5:
        (folder / "d.txt").write_text(text)
        return Made(folder / "d.txt", "text", training)
    lines = (json.dumps({"text": text[i : i + 30]}) for i in range(0, 300, 30))
    (folder / "d.jsonl").write_text("\n".join(lines) + "\n")
    return Made(folder / "d.jsonl", "jsonl", training)


def corrected_table(folder: Path, random: Random) -> Made:
    """A table whose owner, and the session, say what the reader would guess otherwise."""
    lines = ["id;zip;size;colour;price"]
    for row in range(40):
        colour = random.choice(["red", "NA", "?", "blue"])
        zip_code = f"{random.integers(0, 4):02}" if random.random() < 0.9 else ""
        lines.append(f"{row};{zip_code};{row % 7},5;{colour};{random.integers(1, 4)}")
    (folder / "d.csv").write_text("\n".join(lines) + "\n")
    choices: dict[str, Any] = {"target": str(random.choice(["price", "colour", "size"]))}
    if random.random() < 0.5:
        choices["types"] = {"zip": str(random.choice(["text", "integer"]))}
    if random.random() < 0.5:
        choices["missing"] = [["?"], [], ["NA", "?"]][int(random.integers(0, 3))]
    if random.random() < 0.5:
        choices["ignore"] = ["id"]
    numbers = choices["target"] in ("size", "price") and random.random() < 0.5
    task = "tabular-regression" if numbers else "tabular-classification"
    training: dict[str, Any] = {"task": task, "model": MLP}
    if random.random() < 0.3:
        training["ignoreColumns"] = ["zip"]
    return Made(folder / "d.csv", "csv", training, choices)


MAKERS: list[Callable[[Path, Random], Made]] = [
    pictures, image_arrays, number_arrays, words, corrected_table,
]  # fmt: skip
OPTIONS = st.fixed_dictionaries(
    {
        "epochs": st.integers(1, 3),
        "batchSize": st.integers(2, 16),
        "optimizer": st.sampled_from(["adam", "sgd", "rmsprop"]),
        "learningRate": st.sampled_from([1e-3, 1e-2]),
        "validationSplit": st.sampled_from([0, 0.2, 0.5]),
        "seed": st.integers(0, 2**32 - 1),
    },
    optional={"earlyStopping": st.just({"patience": 1})},
)


@given(
    made=st.sampled_from(MAKERS),
    options=OPTIONS,
    seed=st.integers(0, 10_000),
    fork=st.booleans(),
    stop_at=st.none() | st.integers(1, 4),
)
def test_a_card_is_measured_again_however_the_training_went(
    tmp_path_factory: pytest.TempPathFactory,
    made: Callable[[Path, Random], Made],
    options: dict[str, Any],
    seed: int,
    fork: bool,
    stop_at: int | None,
) -> None:
    folder, random = tmp_path_factory.mktemp("t"), np.random.default_rng(seed)
    if not options["validationSplit"]:
        options.pop("earlyStopping", None)
    first = made(folder, random)
    life = Life(stop_at=stop_at)
    try:
        with redirect_stdout(io.StringIO()):
            if fork:
                life = Life(
                    parent=checkpoint_of(folder / "parent", first, options), stop_at=stop_at
                )
            model, path = trained(folder / "child", made, first, options, life, random)
    except (BadData, BadConfiguration, DataError, Diverged):
        reject()
    assert [c for c in verify.verify(model, path) if not c.agrees] == []


def checkpoint_of(folder: Path, made: Made, options: dict[str, Any]) -> dict[str, Any]:
    """The checkpoint of a session that has learned the dataset."""
    training = {**options, **made.training}
    life = Life(source=schema_of(made))
    _, trainer = train(folder, made.path, made.file_format, training, life)
    return copy.deepcopy(trainer.state_dict())


def trained(
    folder: Path,
    made: Callable[[Path, Random], Made],
    first: Made,
    options: dict[str, Any],
    life: Life,
    random: Random,
) -> tuple[Path, Path]:
    """A model's file and its dataset's: of the first dataset, or a fork's of another like it."""
    found = first
    if life.parent is not None:
        folder.mkdir()
        other = made(folder, random)
        # The models must be alike; what is in the file need not be.
        if other.training["task"] != first.training["task"]:
            reject()
        found = Made(other.path, other.file_format, first.training, other.choices)
    life = Life(schema_of(found), life.parent, life.stop_at)
    training = {**options, **found.training}
    return save_model(folder, found.path, found.file_format, training, life), found.path


def schema_of(made: Made) -> Any:
    """How the dataset is read, as its owner says; None for a model of the first version's kind."""
    return inspect(made.path, made.file_format, SchemaChoices.model_validate(made.choices))
