"""Whatever a card states can be measured again from the file and the dataset."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, reject
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file
from trained_models import save_model

from trainyard_trainer.__main__ import main
from trainyard_trainer.errors import Diverged
from trainyard_trainer.inference import verify
from trainyard_trainer.inference.inputs import read
from trainyard_trainer.inference.predict import Predictor
from trainyard_trainer.model_export import CARD_KEY


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def table(path: Path, random: np.random.Generator, rows: int, regression: bool) -> Path:
    """Numbers with gaps, a category with codes such as 01, and a target that depends on both."""
    lines = ["a,code,b,target"]
    for row in range(rows):
        # Of a column of numbers with a lone text the reader says that this is no number.
        code = "A1" if row % 3 == 0 else random.choice(["01", "02", "A1", "1.50"])
        a, b = random.normal(), random.normal()
        value = 3 * a + (code == "A1") + 0.1 * b
        target = f"{value:.4f}" if regression else f"0{int(value > 0)}"
        lines.append(f"{a:.4f},{code},{'' if random.random() < 0.1 else f'{b:.4f}'},{target}")
    path.write_text("\n".join(lines) + "\n")
    return path


CONFIGS = st.fixed_dictionaries(
    {
        "epochs": st.integers(1, 4),
        "batchSize": st.integers(1, 40),
        "optimizer": st.sampled_from(["adam", "adamw", "sgd", "rmsprop"]),
        "learningRate": st.sampled_from([1e-3, 1e-2, 5e-2]),
        "validationSplit": st.sampled_from([0, 0.2, 0.5]),
        "seed": st.integers(0, 2**32 - 1),
        "model": st.fixed_dictionaries(
            {
                "architecture": st.just("mlp"),
                "parameters": st.fixed_dictionaries(
                    {"hiddenSizes": st.lists(st.integers(1, 8), min_size=1, max_size=2)},
                    optional={"dropout": st.sampled_from([0.0, 0.3])},
                ),
            }
        ),
    },
    optional={"gradientClip": st.sampled_from([0.1, 5.0])},
)


@given(config=CONFIGS, regression=st.booleans(), seed=st.integers(0, 10_000))
def test_what_a_card_states_is_measured_again_and_a_row_needs_no_company(
    tmp_path_factory: pytest.TempPathFactory, config: dict[str, Any], regression: bool, seed: int
) -> None:
    folder, random = tmp_path_factory.mktemp("t"), np.random.default_rng(seed)
    path = table(folder / "d.csv", random, int(random.integers(24, 50)), regression)
    task = "tabular-regression" if regression else "tabular-classification"
    with redirect_stdout(io.StringIO()):
        try:
            model = save_model(folder, path, "csv", {**config, "task": task})
        except Diverged:
            reject()
    checks = verify.verify(model, path)
    assert [c for c in checks if not c.agrees] == []
    assert {c.name for c in checks} >= {"metrics.train/epoch_loss", "parameters", "steps"}

    predictor = Predictor.load(model)
    header, *lines = path.read_text().splitlines()
    together = predicted(predictor, folder, [header, *lines])
    order = random.permutation(len(lines))
    shuffled = predicted(predictor, folder, [header, *(lines[i] for i in order)])
    alone = [predicted(predictor, folder, [header, line])[0] for line in lines[:12]]

    assert [together[i] for i in order] == shuffled
    assert together[:12] == alone


def predicted(predictor: Predictor, folder: Path, lines: list[str]) -> list[Any]:
    given = folder / "given.csv"
    given.write_text("\n".join(lines) + "\n")
    inputs = read(given, "csv", predictor.schema, predictor.source)
    return predictor.predict(inputs.tensor)


def images(folder: Path) -> tuple[Path, str, dict[str, Any]]:
    random = np.random.default_rng(0)
    labels = np.arange(30) % 3
    pixels = (random.integers(0, 60, (30, 8, 8)) + 80 * labels[:, None, None]).astype(np.uint8)
    np.savez(folder / "d.npz", x=pixels, y=labels)
    return (
        folder / "d.npz",
        "npz",
        {"task": "image-classification", "model": {"architecture": "cnn"}},
    )


def words(folder: Path) -> tuple[Path, str, dict[str, Any]]:
    (folder / "d.txt").write_text("to be or not to be, " * 40)
    sizes = {"layers": 1, "heads": 2, "embeddingSize": 16, "contextLength": 16}
    model = {"architecture": "transformer", "parameters": sizes}
    return folder / "d.txt", "text", {"task": "language-modeling", "model": model}


def half(folder: Path) -> tuple[Path, str, dict[str, Any]]:
    path = table(folder / "d.csv", np.random.default_rng(1), 60, regression=False)
    return path, "csv", {"task": "tabular-classification", "precision": "bf16"}


def infinite(folder: Path) -> tuple[Path, str, dict[str, Any]]:
    target = np.ones(50)
    target[:2] = (1e200, 1e200)
    np.savez(folder / "d.npz", x=np.arange(50.0)[:, None], y=target)
    seed = next(
        s
        for s in range(1000)
        if {0, 1} <= set(np.random.default_rng(s).permutation(50)[:10].tolist())
    )
    return folder / "d.npz", "npz", {"task": "tabular-regression", "seed": seed}


@pytest.mark.parametrize("make", [images, words, half, infinite], ids=lambda m: m.__name__)
def test_every_task_can_be_verified(
    tmp_path: Path, make: Callable[[Path], tuple[Path, str, dict[str, Any]]]
) -> None:
    path, kind, training = make(tmp_path)
    model = save_model(tmp_path, path, kind, {"epochs": 2, "batchSize": 8, **training})
    said = io.StringIO()
    with redirect_stdout(said):
        code = main(["verify", f"--model={model}", f"--dataset={path}"])

    assert code == 0, said.getvalue()
    assert "DIFFERS" not in said.getvalue()


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "metrics.val/loss": lambda c: c["metrics"].update({"val/loss": c["metrics"]["val/loss"] * 1.001}),
    "metrics.val/accuracy": lambda c: c["metrics"].update({"val/accuracy": 0.5}),
    "metrics.val/f1": lambda c: c["metrics"].update({"val/f1": 0.9}),
    "parameters": lambda c: c.update(parameters=c["parameters"] + 1),
    "samples.train": lambda c: c["samples"].update(train=1),
    "steps": lambda c: c.update(steps=c["steps"] + 1),
    "trained.epochs": lambda c: c["trained"].update(epochs=99),
    "schema.features.0.mean": lambda c: c["schema"]["features"][0].update(mean=7.0),
    "schema.classes": lambda c: c["schema"].update(classes=["00", "02"]),
    "dataset.sha256": lambda c: c["dataset"].update(sha256="1" * 64),
    "split": lambda c: c.update(split="shuffled"),
    "notes (of the data)": lambda c: c.update(notes=[]),
}  # fmt: skip


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    path = table(folder / "d.csv", np.random.default_rng(2), 80, regression=False)
    training = {"task": "tabular-classification", "epochs": 3, "batchSize": 8}
    return save_model(folder, path, "csv", training)


@pytest.mark.parametrize("what", CHANGES)
def test_what_is_not_so_is_found(sound: Path, tmp_path: Path, what: str) -> None:
    with safe_open(sound, framework="pt") as file:
        card = json.loads(file.metadata()[CARD_KEY])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    CHANGES[what](card)
    save_file(tensors, tmp_path / "m.safetensors", metadata={CARD_KEY: json.dumps(card)})
    said = io.StringIO()
    with redirect_stdout(said):
        code = main(
            [
                "verify",
                f"--model={tmp_path / 'm.safetensors'}",
                f"--dataset={sound.parents[1] / 'd.csv'}",
            ]
        )

    assert code == 1
    wrong = [line.split("  ")[0] for line in said.getvalue().splitlines() if "DIFFERS" in line]
    if what == "split":
        # The samples are split by the rule that is stated; the statistics are not theirs.
        assert "schema.features.0.mean" in wrong
    else:
        # Steps follow from epochs.
        assert wrong in ([what], [what, "trained.steps"])


def test_other_weights_and_another_dataset_are_found(sound: Path, tmp_path: Path) -> None:
    other = table(tmp_path / "d.csv", np.random.default_rng(3), 80, regression=False)
    different = {c.name for c in verify.verify(sound, other) if not c.agrees}
    assert {"dataset.sha256", "metrics.val/loss"} <= different

    with safe_open(sound, framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) * 1.01 for name in file.keys()}  # noqa: SIM118 - no mapping
    save_file(tensors, tmp_path / "m.safetensors", metadata=metadata)
    checks = verify.verify(tmp_path / "m.safetensors", sound.parents[1] / "d.csv")
    assert {c.name for c in checks if not c.agrees} >= {
        "metrics.val/loss",
        "metrics.train/epoch_loss",
    }


def test_a_file_that_cannot_be_verified(tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(b"nothing")
    said = io.StringIO()
    with redirect_stderr(said):
        code = main(["verify", f"--model={tmp_path / 'm.safetensors'}", "--dataset=none.csv"])

    assert code == 65
    assert "is no model file" in said.getvalue()


@pytest.mark.parametrize(
    ("stated", "measured", "agrees"),
    [
        (1.0, 1.0 + 1e-9, True),
        (1.0, 1.1, False),
        ("Infinity", "Infinity", True),
        ("Infinity", 3.0, False),
        (None, 3.0, False),
        (["a"], ["a"], True),
        ("NaN", "NaN", True),
    ],
    ids=["rounding", "numbers", "infinite", "infinite and not", "not stated", "names", "NaN"],
)  # fmt: skip
def test_agreement(stated: Any, measured: Any, agrees: bool) -> None:
    check = verify.Check("x", stated, measured, 1e-6)

    assert check.agrees is agrees
    assert replace(check, stated=measured).agrees
