"""Schedules, tables, checkpoints, and that every option changes what it should."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_training import write_blobs

from trainyard.reporting import NoOpReporter
from trainyard_api.training import TrainingConfig
from trainyard_trainer import data, models
from trainyard_trainer.checkpoints.folder import CheckpointFolder
from trainyard_trainer.distributed.process_group import ProcessGroup
from trainyard_trainer.errors import BadConfiguration, BadData, Diverged
from trainyard_trainer.training.batches import load_batch
from trainyard_trainer.training.schedule import learning_rate
from trainyard_trainer.training.train import Trainer

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Two threads on a tiny tensor only wait for each other, badly so on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def config(task: str = "tabular-classification", **given: Any) -> TrainingConfig:
    return TrainingConfig.model_validate({"task": task, "epochs": 2, "batchSize": 16, **given})


def trained(
    tmp_path: Path, wanted: TrainingConfig, file: Path | None = None, fmt: str = "npz"
) -> Trainer:
    path = file or write_blobs(tmp_path / "data.npz")
    trainer = Trainer(
        wanted,
        data.load(path, fmt, wanted),
        CheckpointFolder(tmp_path / "c"),
        NoOpReporter(),
        ProcessGroup(),
        CPU,
    )
    trainer.fit()
    return trainer


def fingerprint(trainer: Trainer) -> bytes:
    return b"".join(p.detach().numpy().tobytes() for p in trainer.model.parameters())


@pytest.mark.parametrize(
    ("plan", "step", "want"),
    [
        pytest.param({}, 50, 0.1, id="constant"),
        pytest.param({"warmupSteps": 10}, 0, 0.01, id="first warm-up step"),
        pytest.param({"warmupSteps": 10}, 9, 0.1, id="last warm-up step"),
        pytest.param({"name": "linear"}, 50, 0.05, id="half-way linear"),
        pytest.param({"name": "linear", "minLearningRate": 0.02}, 50, 0.06, id="linear to a floor"),
        pytest.param({"name": "cosine"}, 0, 0.1, id="cosine begins at the peak"),
        pytest.param({"name": "cosine"}, 50, 0.05, id="half-way cosine"),
        pytest.param({"name": "cosine"}, 25, 0.0853553, id="quarter-way cosine"),
        pytest.param(
            {"name": "step", "stepEpochs": 2, "gamma": 0.5}, 39, 0.05, id="before the second drop"
        ),
        pytest.param({"name": "step", "stepEpochs": 2, "gamma": 0.5}, 40, 0.025, id="second drop"),
    ],
)
def test_learning_rate(plan: dict[str, Any], step: int, want: float) -> None:
    wanted = config(learningRate=0.1, scheduler=plan)

    assert learning_rate(wanted, step, 100, 10) == pytest.approx(want)


CHANGES = [
    {"seed": 1},
    {"epochs": 3},
    {"batchSize": 8},
    {"learningRate": 0.01},
    {"optimizer": "sgd"},
    {"optimizer": "rmsprop"},
    {"weightDecay": 0.5},
    {"gradientClip": 0.01, "optimizer": "sgd"},
    {"precision": "bf16"},
    {"validationSplit": 0.5},
    {"scheduler": {"name": "cosine"}},
    {"scheduler": {"warmupSteps": 5}},
    {"model": {"architecture": "mlp", "parameters": {"activation": "tanh"}}},
    {"model": {"architecture": "mlp", "parameters": {"dropout": 0.5}}},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda c: ",".join(c))
def test_every_option_changes_the_result(tmp_path: Path, change: dict[str, Any]) -> None:
    base = {"optimizer": "sgd"} if "gradientClip" in change else {}

    assert fingerprint(trained(tmp_path / "a", config(**base))) != fingerprint(
        trained(tmp_path / "b", config(**change))
    )


def test_the_same_seed_gives_the_same_bits(tmp_path: Path) -> None:
    assert fingerprint(trained(tmp_path / "a", config())) == fingerprint(
        trained(tmp_path / "b", config())
    )


def test_momentum_and_decoupled_decay_differ_from_their_neighbours(tmp_path: Path) -> None:
    runs = [
        {"optimizer": "sgd", "momentum": 0},
        {"optimizer": "sgd"},
        {"optimizer": "adam", "weightDecay": 0.3},
        {"optimizer": "adamw", "weightDecay": 0.3},
    ]
    results = {fingerprint(trained(tmp_path / str(i), config(**r))) for i, r in enumerate(runs)}

    assert len(results) == len(runs)


def test_early_stopping_stops_and_keeps_the_best(tmp_path: Path) -> None:
    trainer = trained(
        tmp_path,
        config(epochs=100, learningRate=1.0, optimizer="sgd", earlyStopping={"patience": 2}),
    )

    assert trainer.progress.epoch < 100
    assert trainer.progress.stale_epochs == 2
    assert trainer.best is not None
    assert all(torch.equal(v, trainer.model.state_dict()[k]) for k, v in trainer.best.items())


@pytest.mark.parametrize(
    ("every", "steps"),
    [({"epochs": 2}, [6, 12]), ({"steps": 5}, [10, 12]), ({"seconds": 1000}, [12])],
    ids=["epochs", "steps", "seconds"],
)
def test_checkpoint_rhythm_and_how_many_are_kept(
    tmp_path: Path, every: dict[str, int], steps: list[int]
) -> None:
    trained(tmp_path, config(epochs=4, checkpointEvery=every))

    found = [r.step for r in CheckpointFolder(tmp_path / "c").metadata() if r.name != "best"]
    assert found == steps


def test_a_torn_checkpoint_is_never_loaded(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path, keep=3)
    for step in (1, 2, 3):
        folder.write(f"step-{step}", step, {"step": step})
    (tmp_path / "step-3.pt").write_bytes(b"torn")
    (tmp_path / "step-2.json").write_text('{"name": "st')

    found = folder.load_latest()

    assert found is not None
    assert found[1] == {"step": 1}


def test_a_checkpoint_cut_or_spoilt_at_any_place_is_never_loaded(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    folder.write("step-1", 1, {"step": 1})
    folder.write("step-2", 2, {"step": 2, "weights": torch.arange(64.0)})
    whole = {p: p.read_bytes() for p in tmp_path.glob("step-2.*")}
    for path, content in whole.items():
        for place in range(0, len(content), max(1, len(content) // 40)):
            spoilt = bytearray(content)
            spoilt[place] ^= 0xFF
            for damaged in (content[:place], bytes(spoilt)):
                path.write_bytes(damaged)
                found = folder.load_latest()
                # A changed time or size in the record is no danger; the content is what the hash vouches for.
                assert found is not None
                assert found[1]["step"] == 1 or torch.equal(found[1]["weights"], torch.arange(64.0))
                assert path.suffix == ".json" or found[1]["step"] == 1
        path.write_bytes(content)

    found = folder.load_latest()
    assert found is not None
    assert found[1]["step"] == 2


def test_what_killed_writers_left_is_cleared(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    for name in ("step-1.pt.tmp", "step-2.pt", "step-2.json.tmp"):
        (tmp_path / name).write_bytes(b"left")
    folder.write("step-3", 3, {"step": 3})

    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-3.json", "step-3.pt"]


def test_a_diverging_loss_stops_before_the_weights_are_spoilt(tmp_path: Path) -> None:
    wanted = config("tabular-regression", learningRate=10, optimizer="sgd", epochs=50)
    path = tmp_path / "data.npz"
    np.savez(path, x=np.random.default_rng(0).normal(size=(40, 3)) * 100, y=np.arange(40.0))

    with pytest.raises(Diverged, match="the loss is"):
        trained(tmp_path, wanted, path)


def dark_and_light(path: Path) -> Path:
    random = np.random.default_rng(0)
    labels = np.arange(24) % 2
    images = random.integers(0, 40, (24, 8, 8)) + 200 * labels[:, None, None]
    np.savez(path, x=images.astype(np.uint8), y=labels)
    return path


@pytest.mark.parametrize("architecture", ["mlp", "cnn"])
def test_images_from_arrays(tmp_path: Path, architecture: str) -> None:
    path = dark_and_light(tmp_path / "data.npz")
    wanted = config(
        "image-classification",
        model={"architecture": architecture},
        epochs=8,
        batchSize=8,
        learningRate=0.01,
    )

    trainer = trained(tmp_path, wanted, path)

    assert trainer.progress.metrics["train/accuracy"] > 0.9
    assert trainer.progress.metrics["val/accuracy"] > 0.9


def test_resnet18_learns_a_batch_by_heart(tmp_path: Path) -> None:
    # Without the session around it: its running statistics need far more steps than a quick test has, its weights do not.
    wanted = config("image-classification", model={"architecture": "resnet18"})
    dataset = data.load(dark_and_light(tmp_path / "data.npz"), "npz", wanted)
    torch.manual_seed(0)
    model = models.build(wanted, dataset.shape).train()
    steps = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(6):
        inputs, targets = load_batch(dataset.train, torch.arange(8), CPU)
        loss = torch.nn.functional.cross_entropy(model(inputs), targets)
        steps.zero_grad()
        loss.backward()
        steps.step()
        losses.append(loss.item())

    assert losses[-1] < 0.1 < losses[0]


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_images_from_archives_with_folders_as_classes(tmp_path: Path, kind: str) -> None:
    pictures = {
        f"{name}/{i}.png": _png(value + i)
        for name, value in (("dark", 0), ("light", 200))
        for i in range(6)
    }
    path = tmp_path / "data"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in pictures.items():
                archive.writestr(name, content)
    else:
        with tarfile.open(path, "w") as tar:
            for name, content in pictures.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    loaded = data.load(path, "images", config("image-classification"))

    assert loaded.schema.classes == ["dark", "light"]
    assert loaded.shape.sample == (1, 8, 8)


def _png(value: int) -> bytes:
    out = io.BytesIO()
    Image.new("L", (8, 8), value).save(out, "PNG")
    return out.getvalue()


def test_next_token_prediction_learns_a_pattern(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("abcd" * 400)
    sizes = {"layers": 1, "heads": 2, "embeddingSize": 16, "contextLength": 16}
    wanted = config(
        "language-modeling",
        epochs=12,
        batchSize=8,
        learningRate=0.01,
        model={"architecture": "transformer", "parameters": sizes},
    )

    trainer = trained(tmp_path, wanted, path, "text")

    assert trainer.progress.metrics["val/accuracy"] > 0.95
    assert trainer.progress.metrics["val/perplexity"] < 1.5


def test_missing_values_and_categories_are_handled_and_stated(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("age,city,y\n1,ulm,0\n,bonn,1\n3,ulm,0\n5,,1\n")
    loaded = data.load(path, "csv", config(validationSplit=0))

    age, city = loaded.schema.features
    assert (age.kind, age.missing, age.mean) == ("number", 1, 3.0)
    assert (city.kind, city.missing, city.categories) == ("category", 1, ["bonn", "ulm"])
    assert loaded.train.inputs.shape == (4, 3)
    assert torch.isfinite(loaded.train.inputs).all()


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        pytest.param("a,y\n1,0\n2,0\n", BadData, "one value '0'", id="one class"),
        pytest.param("a,y\n1,\n2,\n", BadData, "'y'", id="no target at all"),
        pytest.param("y\n1\n2\n", BadData, "at least one feature", id="no features"),
        pytest.param("a,y\n", BadData, "no rows", id="no rows"),
    ],
)
def test_bad_tables_are_named(
    tmp_path: Path, content: str, error: type[Exception], words: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(content)

    with pytest.raises(error, match=words):
        data.load(path, "csv", config(validationSplit=0))


def test_a_fork_needs_the_same_model(tmp_path: Path) -> None:
    first = trained(tmp_path / "a", config())
    other = config(model={"architecture": "mlp", "parameters": {"hiddenSizes": [3]}})
    path = write_blobs(tmp_path / "data.npz")
    second = Trainer(
        other,
        data.load(path, "npz", other),
        CheckpointFolder(tmp_path / "b"),
        NoOpReporter(),
        ProcessGroup(),
        CPU,
    )

    with pytest.raises(BadConfiguration, match="another model"):
        second.start_from(first.state_dict())


def test_a_checkpoint_holds_plain_values_only(tmp_path: Path) -> None:
    trainer = trained(tmp_path, config())
    found = CheckpointFolder(tmp_path / "c").load_latest()

    assert found is not None
    assert json.dumps(found[1]["position"])
    assert found[1]["position"]["step"] == trainer.progress.step
