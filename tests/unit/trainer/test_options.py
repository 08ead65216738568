"""Each option of the configuration changes what it says, seen in the training itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from tiny_training import write_blobs
from torch import Tensor, nn, optim

from trainyard.reporting import NoOpReporter
from trainyard_api.training import TrainingConfig
from trainyard_trainer import data
from trainyard_trainer.checkpoints.folder import CheckpointFolder
from trainyard_trainer.distributed.process_group import ProcessGroup
from trainyard_trainer.errors import Diverged
from trainyard_trainer.models.cnn import CNN
from trainyard_trainer.models.transformer import Transformer
from trainyard_trainer.training.batches import split_into_batches
from trainyard_trainer.training.train import Trainer

CPU = torch.device("cpu")


class Listening(NoOpReporter):
    """Remembers what was reported."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, dict[str, float]]] = []
        self.goals: list[tuple[int | None, int | None]] = []

    def goal(self, total_steps: int | None = None, epochs: int | None = None) -> None:
        self.goals.append((total_steps, epochs))

    def log(self, values: Mapping[str, float], step: int, epoch: int | None = None) -> None:  # noqa: ARG002 - the protocol's argument
        self.rows.append((step, dict(values)))

    def of(self, name: str) -> dict[int, float]:
        """Values of one metric by step."""
        return {step: values[name] for step, values in self.rows if name in values}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def heard() -> Listening:
    return Listening()


class Bench:
    """Makes trainers on the blobs of one folder."""

    def __init__(self, folder: Path, heard: Listening) -> None:
        self.folder, self.heard = folder, heard
        self.path = write_blobs(folder / "data.npz")

    def trainer(self, **given: Any) -> Trainer:
        wanted = TrainingConfig.model_validate(
            {"task": "tabular-classification", "epochs": 2, "batchSize": 16, **given}
        )
        dataset = data.load(self.path, "npz", wanted)
        return Trainer(
            wanted,
            dataset,
            CheckpointFolder(self.folder / "c", wanted.keep_checkpoints),
            self.heard,
            ProcessGroup(),
            CPU,
        )


@pytest.fixture
def bench(tmp_path: Path, heard: Listening) -> Bench:
    return Bench(tmp_path, heard)


def one_step(trainer: Trainer) -> float:
    """Do one step; the length of the way that the weights went."""
    before = flat(trainer.model)
    trainer._step(torch.arange(16))
    return float((flat(trainer.model) - before).norm())


def flat(model: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten().clone() for p in model.parameters()])


@pytest.mark.parametrize(
    ("name", "kind", "moment"),
    [
        ("adam", optim.Adam, "exp_avg_sq"),
        ("adamw", optim.AdamW, "exp_avg_sq"),
        ("sgd", optim.SGD, "momentum_buffer"),
        ("rmsprop", optim.RMSprop, "square_avg"),
    ],
)
def test_optimizer(bench: Bench, name: str, kind: type[optim.Optimizer], moment: str) -> None:
    trainer = bench.trainer(optimizer=name, momentum=None)
    one_step(trainer)

    assert isinstance(trainer.optimizer, kind)
    assert all(moment in state for state in trainer.optimizer.state.values())


@pytest.mark.parametrize(
    ("given", "want"),
    [
        pytest.param({"optimizer": "sgd"}, 0.9, id="sgd's default"),
        pytest.param({"optimizer": "sgd", "momentum": 0.5}, 0.5, id="sgd"),
        pytest.param({"optimizer": "rmsprop"}, 0.0, id="rmsprop's default"),
        pytest.param({"optimizer": "rmsprop", "momentum": 0.3}, 0.3, id="rmsprop"),
    ],
)
def test_momentum(bench: Bench, given: dict[str, Any], want: float) -> None:
    assert bench.trainer(**given).optimizer.param_groups[0]["momentum"] == want


def test_learning_rate_scales_the_step(bench: Bench) -> None:
    short, long = (one_step(bench.trainer(optimizer="sgd", learningRate=r)) for r in (0.01, 0.1))

    assert long == pytest.approx(10 * short, rel=1e-3)


def test_weight_decay_pulls_to_zero(bench: Bench) -> None:
    decayed, free = (
        bench.trainer(optimizer="adamw", weightDecay=d, learningRate=0.1) for d in (0.9, 0)
    )
    one_step(decayed)
    one_step(free)

    assert flat(decayed.model).norm() < flat(free.model).norm()


def test_gradient_clip_bounds_the_step(bench: Bench) -> None:
    free = one_step(bench.trainer(optimizer="sgd", learningRate=1.0))
    clipped = one_step(bench.trainer(optimizer="sgd", learningRate=1.0, gradientClip=0.01))

    assert clipped == pytest.approx(0.01, rel=1e-3)
    assert free > 0.1


def test_schedule_and_warm_up_reach_the_optimizer(bench: Bench, heard: Listening) -> None:
    plan = {"name": "linear", "warmupSteps": 2, "minLearningRate": 0.02}
    bench.trainer(learningRate=0.1, scheduler=plan, logEverySteps=1).fit()
    rates = heard.of("train/learning_rate")

    assert rates[1] == pytest.approx(0.05)
    assert rates[2] == rates[3] == pytest.approx(0.1)
    assert list(rates.values())[2:] == sorted(list(rates.values())[2:], reverse=True)
    assert rates[6] == pytest.approx(0.02 + 0.08 * 0.25)


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [("fp32", torch.float32), ("bf16", torch.bfloat16)],
    ids=["fp32", "bf16"],
)
def test_precision_of_the_arithmetic(bench: Bench, precision: str, dtype: torch.dtype) -> None:
    trainer = bench.trainer(precision=precision)
    one_step(trainer)

    assert trainer._forward(trainer.dataset.train.inputs[:4]).dtype == dtype
    assert {p.dtype for p in trainer.model.parameters()} == {torch.float32}


def test_bf16_learns_as_well(bench: Bench) -> None:
    trainer = bench.trainer(precision="bf16", epochs=20, learningRate=0.01)
    trainer.fit()

    assert trainer.progress.metrics["val/accuracy"] > 0.9


@pytest.mark.parametrize(
    ("samples", "size", "want"),
    [
        pytest.param(48, 16, [16, 16, 16], id="even"),
        pytest.param(50, 16, [16, 16, 16, 2], id="rest"),
        pytest.param(49, 16, [16, 16, 17], id="a single one joins"),
        pytest.param(5, 64, [5], id="batch above the data"),
        pytest.param(1, 64, [1], id="one sample"),
        pytest.param(3, 1, [1, 1, 1], id="single samples on purpose"),
    ],
)
def test_batches(samples: int, size: int, want: list[int]) -> None:
    batches = split_into_batches(samples, size)

    assert [b.stop - b.start for b in batches] == want
    assert batches[0].start == 0
    assert batches[-1].stop == samples


def test_epochs_and_batch_size_give_the_steps(bench: Bench) -> None:
    trainer = bench.trainer(epochs=3, batchSize=8)
    trainer.fit()

    assert trainer.progress.step == trainer.total_steps == 3 * 6


def test_log_every_steps(bench: Bench, heard: Listening) -> None:
    bench.trainer(logEverySteps=4, epochs=4).fit()

    assert list(heard.of("train/loss")) == [4, 8, 12]


def test_the_loss_of_bf16_is_computed_in_single_precision(bench: Bench, heard: Listening) -> None:
    trainer = bench.trainer(precision="bf16", epochs=1, batchSize=60, logEverySteps=1)
    inputs, targets = trainer.dataset.train.inputs, trainer.dataset.train.targets
    assert targets is not None
    with torch.autocast("cpu", torch.bfloat16):
        scores = trainer.model(inputs)
    want = torch.nn.functional.cross_entropy(scores.float(), targets).item()
    trainer.fit()

    assert heard.of("train/loss")[1] == pytest.approx(want, rel=1e-5)


def test_a_loss_that_is_read_late_changes_nothing(tmp_path: Path) -> None:
    """As on a GPU: the loss of a step is read when the next step is queued."""
    weights, rows = [], []
    for late in (False, True):
        heard = Listening()
        trainer = Bench(tmp_path / str(late), heard).trainer(logEverySteps=1)
        trainer.reads_loss_late = late
        trainer.fit()
        weights.append(flat(trainer.model))
        rows.append(heard.rows)

    assert torch.equal(*weights)
    assert rows[0] == rows[1]


def test_no_checkpoint_holds_an_update_by_a_loss_that_is_not_finite(tmp_path: Path) -> None:
    heard = Listening()
    trainer = Bench(tmp_path, heard).trainer(
        learningRate=10,
        optimizer="sgd",
        epochs=500,
        checkpointEvery={"steps": 1},
        keepCheckpoints=100,
        task="tabular-regression",
        target="y",
    )
    trainer.reads_loss_late = True
    with pytest.raises(Diverged, match="at step"):
        trainer.fit()
    trainer._writer.wait_until_written()

    latest = trainer._checkpoints.load_latest()
    assert latest is not None
    metadata, state = latest
    assert metadata.step == trainer.progress.step - 1
    assert all(tensor.isfinite().all() for tensor in state["model"].values())


@pytest.mark.parametrize(
    ("share", "sizes"),
    [(0, (60, 0)), (0.2, (48, 12)), (0.9, (6, 54))],
    ids=["none", "a fifth", "nine tenths"],
)
def test_validation_split(bench: Bench, share: float, sizes: tuple[int, int]) -> None:
    dataset = bench.trainer(validationSplit=share).dataset

    assert (len(dataset.train), len(dataset.validation)) == sizes


def test_the_seed_decides_weights_order_and_split(bench: Bench) -> None:
    one, same, other = (bench.trainer(seed=s) for s in (1, 1, 2))

    assert torch.equal(flat(one.model), flat(same.model))
    assert torch.equal(one._order(0), same._order(0))
    assert torch.equal(one.dataset.train.inputs, same.dataset.train.inputs)
    assert not torch.equal(flat(one.model), flat(other.model))
    assert not torch.equal(one._order(0), other._order(0))
    assert not torch.equal(one._order(0), one._order(1))
    assert not torch.equal(one.dataset.train.inputs, other.dataset.train.inputs)


@pytest.mark.parametrize(
    ("stopping", "epochs"),
    [
        pytest.param(None, 12, id="none"),
        # Nothing improves by a million, so that the first epoch stays the best.
        pytest.param({"patience": 3, "minDelta": 1e6}, 4, id="nothing is enough"),
        pytest.param({"patience": 3, "minDelta": 0}, 12, id="still improving"),
    ],
)
def test_early_stopping(
    bench: Bench, heard: Listening, stopping: dict[str, float] | None, epochs: int
) -> None:
    trainer = bench.trainer(epochs=12, earlyStopping=stopping)
    trainer.fit()

    assert trainer.progress.epoch == epochs
    assert heard.goals[-1] == (trainer.progress.step, epochs), "what it did was the goal"


def test_keep_checkpoints(bench: Bench, tmp_path: Path) -> None:
    bench.trainer(epochs=6, keepCheckpoints=4).fit()
    kept = [r.step for r in CheckpointFolder(tmp_path / "c").metadata() if r.name != "best"]

    assert kept == [9, 12, 15, 18]


def test_mlp_parameters(bench: Bench) -> None:
    sizes = {"hiddenSizes": [7, 5], "activation": "gelu", "dropout": 0.25}
    model = bench.trainer(model={"architecture": "mlp", "parameters": sizes}).model
    found = list(model.modules())

    assert [m.out_features for m in found if isinstance(m, nn.Linear)] == [7, 5, 3]
    assert [m.p for m in found if isinstance(m, nn.Dropout)] == [0.25, 0.25]
    assert sum(isinstance(m, nn.GELU) for m in found) == 2


def test_cnn_parameters(tmp_path: Path, heard: Listening) -> None:
    np.savez(tmp_path / "i.npz", x=np.zeros((8, 8, 8), np.uint8), y=np.arange(8) % 2)
    wanted = TrainingConfig.model_validate(
        {
            "task": "image-classification",
            "model": {"architecture": "cnn", "parameters": {"channels": [4, 6, 8]}},
        }
    )
    dataset = data.load(tmp_path / "i.npz", "npz", wanted)
    model = Trainer(wanted, dataset, CheckpointFolder(tmp_path), heard, ProcessGroup(), CPU).model

    assert isinstance(model, CNN)
    assert [m.out_channels for m in model.modules() if isinstance(m, nn.Conv2d)] == [4, 6, 8]


def test_transformer_parameters(tmp_path: Path, heard: Listening) -> None:
    (tmp_path / "t.txt").write_text("hello world " * 50)
    sizes = {"layers": 3, "heads": 2, "embeddingSize": 24, "contextLength": 10, "dropout": 0.1}
    wanted = TrainingConfig.model_validate(
        {
            "task": "language-modeling",
            "model": {"architecture": "transformer", "parameters": sizes},
        }
    )
    dataset = data.load(tmp_path / "t.txt", "text", wanted)
    model = Trainer(wanted, dataset, CheckpointFolder(tmp_path), heard, ProcessGroup(), CPU).model

    assert isinstance(model, Transformer)
    assert len(model.blocks) == 3
    assert model.tokens.embedding_dim == 24
    assert model.positions.num_embeddings == 10
    assert {b.heads for b in model.blocks} == {2}
    assert {b.dropout for b in model.blocks} == {0.1}


def test_a_transformer_sees_only_what_came_before(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Transformer(vocabulary=9, context=8, width=16, layers=2, heads=2, dropout=0.0).eval()
    ids = torch.arange(8)[None] % 9
    changed = ids.clone()
    changed[0, 5] = 8

    assert torch.equal(model(ids)[0, :5], model(changed)[0, :5])
    assert not torch.equal(model(ids)[0, 5:], model(changed)[0, 5:])


def test_target_and_ignored_columns(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,a,b,label\n1,0.5,1,x\n2,0.1,0,y\n3,0.2,1,x\n4,0.9,0,y\n")
    plain = TrainingConfig.model_validate({"task": "tabular-classification"})
    chosen = TrainingConfig.model_validate(
        {"task": "tabular-classification", "target": "b", "ignoreColumns": ["id"]}
    )

    assert data.load(path, "csv", plain).schema.target == "label"
    schema = data.load(path, "csv", chosen).schema
    assert schema.target == "b"
    assert [f.name for f in schema.features] == ["a", "label"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({"epochs": 0}, "epochs", id="epochs"),
        pytest.param({"batchSize": 0}, "batchSize", id="batch"),
        pytest.param({"learningRate": 0}, "learningRate", id="rate"),
        pytest.param({"validationSplit": 0.95}, "validationSplit", id="split"),
        pytest.param({"momentum": 0.5}, "momentum is used by", id="momentum of adam"),
        pytest.param(
            {"earlyStopping": {}, "validationSplit": 0}, "earlyStopping needs", id="stopping"
        ),
        pytest.param({"model": {"architecture": "cnn"}}, "must be one of: mlp", id="model of task"),
    ],
)
def test_impossible_options_are_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TrainingConfig.model_validate({"task": "tabular-classification", **given})
