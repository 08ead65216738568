"""Tables that real programs have written are read point by point, also while they are written.

`tables` holds what tiny trainings have left with Lightning 2.6.6 (`CSVLogger`, stopped, and resumed
into the same folder), Keras 3.15.1, fastai 2.8.12 (`again.csv` is one that a second training with
fewer metrics has appended to), Stable-Baselines3 2.9.2, timm 1.0.31 (`update_summary`), ultralytics
8.4.190 (killed after its second epoch, and resumed) and CatBoost 1.2.10 (two sets to evaluate on).
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from follower_lab import Lab, Point

FOLDER = Path(__file__).parent / "tables"
TABLES = {
    "lightning/first/metrics.csv": ("step", 2, {
        "epoch", "lr-SGD", "test/loss", "train/loss_epoch", "train/loss_step",
        "val acc, top 1", "val/loss",
    }),
    "lightning/resumed/metrics.csv": ("step", 4, {
        "epoch", "lr-SGD", "test/loss", "train/loss_epoch", "train/loss_step",
        "val acc, top 1", "val/loss",
    }),
    "keras/training.log": ("epoch", 5, {
        "loss", "mae", "rms error", "val_loss", "val_mae", "val_rms error",
    }),
    "keras/every_second.csv": ("epoch", 4, {
        "loss", "mae", "rms error", "val_loss", "val_mae", "val_rms error",
    }),
    "keras/run.csv": ("epoch", 3, {"learning_rate", "loss", "mae", "rms error"}),
    "fastai/history.csv": ("epoch", 3, {"train_loss", "valid_loss", "accuracy", "f1_score"}),
    "fastai/again.csv": ("epoch", 1, {"train_loss", "valid_loss", "accuracy", "f1_score"}),
    "stable-baselines3/progress.csv": ("time/total_timesteps", None, {
        "rollout/ep_len_mean", "rollout/ep_rew_mean", "time/fps", "time/iterations",
        "time/time_elapsed", "train/approx_kl", "train/clip_fraction", "train/clip_range",
        "train/entropy_loss", "train/explained_variance", "train/learning_rate", "train/loss",
        "train/n_updates", "train/policy_gradient_loss", "train/value_loss",
    }),
    "timm/summary.csv": ("epoch", 3, {
        "train_loss", "eval_loss", "eval_top1", "eval_top5", "lr",
    }),
    "ultralytics/first/results.csv": ("epoch", 2, {
        "time", "train/loss", "metrics/accuracy_top1", "metrics/accuracy_top5", "val/loss",
        "lr/pg0", "lr/pg1", "lr/pg2",
    }),
    "ultralytics/resumed/results.csv": ("epoch", 4, {
        "time", "train/loss", "metrics/accuracy_top1", "metrics/accuracy_top5", "val/loss",
        "lr/pg0", "lr/pg1", "lr/pg2",
    }),
}  # fmt: skip
"""Each table with the column that is its step, the epochs that are over, and its metrics."""
_NONE = ("", "NA")


def points(file: Path, step: str) -> Iterator[Point]:
    """What Python's own reader finds there, with each line that has the step as one of names."""
    names: list[str] = []
    with file.open(newline="") as lines:
        delimiter = ";" if ";" in lines.readline() else ","
        lines.seek(0)
        for row in csv.reader(lines, delimiter=delimiter):
            if step in row:
                names = row
                continue
            cells = dict(zip(names, row, strict=True))
            at = int(float(cells.pop(step)))
            for name, cell in cells.items():
                if cell not in _NONE and ":" not in cell:
                    yield name, at, float(cell)


@pytest.mark.parametrize("table", TABLES)
def test_every_point_of_a_real_table_is_read_once_with_its_name_and_step(
    table: str, tmp_path: Path
) -> None:
    step, epochs, names = TABLES[table]
    expected = list(points(FOLDER / table, step))
    content, there = (FOLDER / table).read_bytes(), tmp_path / Path(table).name
    lab = Lab(tmp_path)
    for end in range(0, len(content) + 41, 41):
        there.write_bytes(content[: end + 41])
        found = lab.all()
        lab.start()
        lab.look(killed="remember")

    assert found == expected
    assert {name for name, _, _ in found} == names
    assert lab.said == []
    (tmp_path / ".trainyard" / "event-files.json").unlink()
    at_once = Lab(tmp_path)
    assert at_once.all() == expected
    assert at_once.epochs == epochs


@pytest.mark.parametrize("kept", [True, False], ids=["supervisor lives", "new supervisor"])
@pytest.mark.parametrize("logger", ["lightning", "ultralytics"])
def test_a_training_that_is_resumed_into_the_same_file_adds_what_is_new(
    logger: str, kept: bool, tmp_path: Path
) -> None:
    """Lightning removes the file of the attempt before; ultralytics adds to it."""
    name = "metrics.csv" if logger == "lightning" else "results.csv"
    first, resumed = (FOLDER / logger / part / name for part in ("first", "resumed"))
    step = TABLES[f"{logger}/first/{name}"][0]
    lab = Lab(tmp_path)
    shutil.copy(first, tmp_path)
    lab.all()
    (tmp_path / name).unlink()
    shutil.copy(resumed, tmp_path)
    if not kept:
        lab.start()

    before, after = list(points(first, step)), list(points(resumed, step))
    assert lab.all() == before + [point for point in after if point not in before]


def test_a_table_of_another_run_that_fills_the_same_lines_is_read_from_its_beginning(
    tmp_path: Path,
) -> None:
    lab = Lab(tmp_path)
    (tmp_path / "metrics.csv").write_text("epoch,step,loss\n0,1,5\n0,2,4\n")
    lab.all()
    (tmp_path / "metrics.csv").write_text("epoch,step,loss\n1,3,3\n1,4,2\n1,5,1\n")

    assert [point for point in lab.all() if point[0] == "loss"] == [
        ("loss", step, 6 - step) for step in range(1, 6)
    ]


def test_tables_beside_event_files_of_catboost_double_nothing(tmp_path: Path) -> None:
    shutil.copytree(FOLDER / "catboost", tmp_path, dirs_exist_ok=True)
    lab = Lab(tmp_path)
    found = lab.all(last=True)

    assert {name for name, _, _ in found} == {
        f"{part}/{metric}{place}"
        # CatBoost numbers the first set within its names, the second in its folder.
        for part, place in (("learn", ""), ("test", ":0"), ("test1", ""))
        for metric in ("Logloss", "AUC", "Accuracy")
    }
    assert len(found) == len(set(found)) == 9 * 6
    assert ("test1/AUC", 2, pytest.approx(0.8333333333)) in [
        (name, step, value) for name, step, value in found
    ]
