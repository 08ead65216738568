"""A session that starts from another's checkpoint: its own options, and weights mapped by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainyard.reporting import NoOpReporter
from trainyard_api.training import TrainingConfig
from trainyard_trainer import data
from trainyard_trainer.checkpoints.folder import CheckpointFolder
from trainyard_trainer.data.schema import DataSchema, Feature
from trainyard_trainer.distributed.process_group import ProcessGroup
from trainyard_trainer.errors import BadConfiguration
from trainyard_trainer.training.train import Trainer

CPU = torch.device("cpu")
BASE: dict[str, Any] = {
    "task": "tabular-classification",
    "epochs": 2,
    "batchSize": 16,
    "learningRate": 0.05,
    "model": {"architecture": "mlp", "parameters": {"hiddenSizes": [8]}},
}


def table(path: Path, kinds: dict[str, float], columns: tuple[str, ...] = ("a", "b")) -> Path:
    """Rows of each kind around its own place in `a`; the other columns say nothing."""
    random = np.random.default_rng(0)
    lines = [",".join((*columns, "kind"))]
    for row in range(80):
        kind = list(kinds)[row % len(kinds)]
        values = {c: random.normal() for c in columns} | {"a": kinds[kind] + random.normal() / 10}
        lines.append(",".join(f"{values[c]:.4f}" for c in columns) + f",{kind}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def begun(path: Path, parent: Trainer | None = None, **training: Any) -> Trainer:
    """A session before its first step, started from `parent` where there is one."""
    config = TrainingConfig.model_validate({**BASE, **training})
    learned = parent.dataset.schema if parent is not None else None
    kind = "text" if path.suffix == ".txt" else path.suffix[1:]
    trainer = Trainer(
        config,
        data.load(path, kind, config, data.Terms(learned=learned)),
        CheckpointFolder(path.parent / "c"),
        NoOpReporter(),
        ProcessGroup(),
        CPU,
    )
    if parent is not None:
        trainer.start_from(parent.state_dict())
    return trainer


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    path = tmp_path_factory.mktemp("parent") / "t.csv"
    trainer = begun(table(path, {"cat": -1, "dog": 1}), epochs=20)
    trainer.fit()
    assert trainer._evaluate()["val/accuracy"] == 1.0
    return trainer


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({"optimizer": "sgd", "momentum": 0.9}, {"optimizer": "sgd", "momentum": 0, "weightDecay": 0.5}),
        ({"optimizer": "sgd", "momentum": 0}, {"optimizer": "sgd", "momentum": 0.9}),
        ({"optimizer": "rmsprop"}, {"optimizer": "rmsprop", "momentum": 0.5}),
        ({"optimizer": "adamw"}, {"optimizer": "adamw", "weightDecay": 0.3}),
        ({"optimizer": "adam", "weightDecay": 0.1}, {"optimizer": "adam", "learningRate": 0.01}),
    ],
    ids=["less momentum", "more momentum", "momentum of rmsprop", "decoupled decay", "rate"],
)  # fmt: skip
def test_options_are_the_new_ones(
    tmp_path: Path, before: dict[str, Any], now: dict[str, Any]
) -> None:
    path = table(tmp_path / "t.csv", {"cat": -1, "dog": 1})
    parent = begun(path, **before)
    parent.fit()
    child = begun(path, parent, **now)
    fresh = begun(path, **now)
    kept = parent.optimizer.state_dict()["state"]
    for group, wanted in zip(
        child.optimizer.param_groups, fresh.optimizer.param_groups, strict=True
    ):
        assert {k: v for k, v in group.items() if k != "params"} == {
            k: v for k, v in wanted.items() if k != "params"
        }
    for number, moments in child.optimizer.state_dict()["state"].items():
        for name, value in moments.items():
            if isinstance(value, torch.Tensor) and name in kept[number]:
                assert torch.equal(value, kept[number][name])
    child.fit()


def test_another_optimizer_begins_without_state_and_says_so(
    tmp_path: Path, parent: Trainer
) -> None:
    child = begun(table(tmp_path / "t.csv", {"cat": -1, "dog": 1}), parent, optimizer="sgd")

    assert not child.optimizer.state_dict()["state"]
    assert any("optimizer is adam" in note for note in child.progress.notes)


def test_a_class_of_another_name_keeps_the_others(tmp_path: Path, parent: Trainer) -> None:
    """Sorted by name, dog was class 1 and becomes class 0."""
    child = begun(table(tmp_path / "t.csv", {"zebra": -1, "dog": 1}), parent)
    schema = child.dataset.schema
    assert schema.classes == ["dog", "zebra"]
    before, after = parent.model.state_dict(), child.model.state_dict()

    assert torch.equal(after["layers.4.weight"][0], before["layers.4.weight"][1])
    assert torch.equal(after["layers.1.weight"], before["layers.1.weight"])
    moments = child.optimizer.state_dict()["state"][2]["exp_avg"]
    assert torch.equal(moments[0], parent.optimizer.state_dict()["state"][2]["exp_avg"][1])
    assert torch.count_nonzero(moments[1]) == 0
    assert child.progress.notes == [
        "class 'zebra': not in the checkpoint; starts untrained",
        "class 'cat': in the checkpoint, not in this dataset; left out",
    ]


@pytest.mark.parametrize(
    ("kinds", "columns"),
    [
        pytest.param({"cat": -1, "dog": 1}, ("b", "a"), id="columns in another order"),
        pytest.param({"cat": -1, "dog": 1}, ("c", "b", "a"), id="a new column"),
        pytest.param({"cat": -1, "dog": 1}, ("a",), id="a column less"),
        pytest.param({"dog": 1, "cat": -1}, ("a", "b"), id="rows in another order"),
    ],
)
def test_what_was_learned_still_holds(
    tmp_path: Path, parent: Trainer, kinds: dict[str, float], columns: tuple[str, ...]
) -> None:
    child = begun(table(tmp_path / "t.csv", kinds, columns), parent, seed=7)

    assert child._evaluate()["val/accuracy"] == 1.0
    gone, new = {"b"} - set(columns), set(columns) - {"a", "b"}
    notes = " ".join(child.progress.notes)
    assert all(f"input '{name}': in the checkpoint" in notes for name in gone)
    assert all(f"input '{name}': not in the checkpoint" in notes for name in new)
    child.fit()


def test_numbers_keep_the_scale_that_the_weights_know(tmp_path: Path, parent: Trainer) -> None:
    path = table(tmp_path / "t.csv", {"cat": 299, "dog": 301})
    child = begun(path, parent)
    found, learned = child.dataset.schema.features[0], parent.dataset.schema.features[0]

    assert (found.mean, found.scale) == (learned.mean, learned.scale)
    assert any("column 'a': mean 3" in note for note in child.dataset.notes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(
            {"columns": ("u", "v")}, "no input of the dataset is known to the checkpoint", id="columns"
        ),
        pytest.param({"task": "tabular-regression", "target": "b"}, "has learned classes of a table", id="task"),
        pytest.param(
            {"model": {"architecture": "mlp", "parameters": {"hiddenSizes": [9]}}},
            "layers.1.weight is 8×2 there and 9×2 here",
            id="sizes",
        ),
        pytest.param(
            {"model": {"architecture": "mlp", "parameters": {"hiddenSizes": [8, 8]}}},
            "belongs to another model",
            id="layers",
        ),
    ],
)  # fmt: skip
def test_what_has_no_meaning_is_refused(
    tmp_path: Path, parent: Trainer, change: dict[str, Any], words: str
) -> None:
    columns = change.pop("columns", ("a", "b"))
    path = table(tmp_path / "t.csv", {"cat": -1, "dog": 1}, columns)
    if columns == ("u", "v"):
        path.write_text(path.read_text().replace(",a", ""))
    with pytest.raises(BadConfiguration, match=words) as refused:
        begun(path, parent, **change)
    assert refused.value.hint
    assert "\n" not in str(refused.value)


def test_bytes_of_a_text_are_mapped(tmp_path: Path) -> None:
    sizes = {"layers": 1, "heads": 1, "embeddingSize": 8, "contextLength": 8}
    training = {
        "task": "language-modeling",
        "model": {"architecture": "transformer", "parameters": sizes},
    }
    (tmp_path / "p.txt").write_text("bcd" * 60)
    (tmp_path / "c.txt").write_text("abcd" * 60)
    parent = begun(tmp_path / "p.txt", **training)
    parent.fit()
    child = begun(tmp_path / "c.txt", parent, **training)

    for name in ("tokens.weight", "head.weight"):
        assert torch.equal(child.model.state_dict()[name][1:], parent.model.state_dict()[name])
    assert child.progress.notes == ["byte 97: not in the checkpoint; starts without influence"]


def test_images_of_another_size_are_refused(tmp_path: Path) -> None:
    for side in (8, 10):
        np.savez(
            tmp_path / f"{side}.npz", x=np.zeros((20, side, side), np.uint8), y=np.arange(20) % 2
        )
    parent = begun(tmp_path / "8.npz", task="image-classification")

    with pytest.raises(BadConfiguration, match="images of 1×8×8 .* the dataset has 1×10×10"):
        begun(tmp_path / "10.npz", parent, task="image-classification")


def test_a_checkpoint_of_an_older_version_is_taken_in_order(
    tmp_path: Path, parent: Trainer
) -> None:
    child = begun(table(tmp_path / "t.csv", {"cat": -1, "dog": 1}))
    state = parent.state_dict()
    del state["schema"], state["split"]
    child.start_from(state)

    assert child._evaluate()["val/accuracy"] == 1.0
    assert "does not say its columns and classes" in child.progress.notes[0]


NAMES = st.lists(st.sampled_from("abcdef"), min_size=2, max_size=6, unique=True)


@given(before=NAMES, now=NAMES, columns=NAMES, later=NAMES)
def test_every_score_of_a_known_class_and_column_is_kept(
    before: list[str], now: list[str], columns: list[str], later: list[str]
) -> None:
    """A row whose other columns are at their mean has the same scores as before."""
    if not set(columns) & set(later):
        return

    def trainer(classes: list[str], names: list[str], seed: int) -> Trainer:
        config = TrainingConfig.model_validate({**BASE, "seed": seed})
        features = [Feature(name=n, kind="number") for n in names]
        schema = DataSchema(
            kind="table", features=features, sample_shape=[len(names)], classes=classes
        )
        rows = data.Split(torch.zeros(2, len(names)), torch.zeros(2, dtype=torch.int64))
        dataset = data.Dataset(rows, rows, schema, data.Shape((len(names),), len(classes)))
        return Trainer(
            config, dataset, CheckpointFolder(Path()), NoOpReporter(), ProcessGroup(), CPU
        )

    old, new = trainer(before, columns, 1), trainer(now, later, 2)
    old.optimizer.zero_grad()
    old.model(torch.ones(1, len(columns))).sum().backward()
    old.optimizer.step()
    new.start_from(old.state_dict())
    values = {name: float(i + 1) for i, name in enumerate(sorted(set(columns) & set(later)))}
    scores = [
        t.model(torch.tensor([[values.get(n, 0.0) for n in names]]))[0].detach()
        for t, names in ((old, columns), (new, later))
    ]

    for name in set(before) & set(now):
        kept, learned = scores[1][now.index(name)], scores[0][before.index(name)]
        assert kept.item() == pytest.approx(learned.item(), abs=1e-5)
