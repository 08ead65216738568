"""Event files of real writers are read as TensorBoard reads them, point by point.

`event_files` holds what these have written: PyTorch 2.15, tensorboardX 2.6.5, Lightning 2.6.6,
transformers 5.24, accelerate 1.15, Stable-Baselines3 2.9.2, CatBoost 1.2.10, and TensorFlow with
Keras. Each `expected.json` holds what TensorBoard 2.21 reads there (`EventAccumulator`): step, value
and time by folder and tag.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trainyard_supervisor.event_files.finding import event_files
from trainyard_supervisor.event_files.followed import Followed
from trainyard_supervisor.event_files.follower import Follower, Session

FOLDER = Path(__file__).parent / "event_files"
WRITERS = sorted(path.name for path in FOLDER.iterdir())
NAMES = {
    "accelerate": {"acc", "loss"},
    "catboost": {"learn/Logloss", "test/Logloss"},
    "keras": {
        "int",
        "loss",
        "train/batch_loss",
        "train/batch_mae",
        "train/epoch_learning_rate",
        "train/epoch_loss",
        "train/epoch_mae",
        "validation/epoch_loss",
        "validation/epoch_mae",
        "validation/evaluation_loss_vs_iterations",
        "validation/evaluation_mae_vs_iterations",
    },
    "lightning": {"epoch", "train_loss_epoch", "train_loss_step", "val_loss"},
    "pytorch": {
        "dp",
        "group_a/group",
        "group_b/group",
        "hparam/acc",
        "inf",
        "loss",
        "nan",
        "new_style",
        "no_step",
    },
    "tensorboardx": {"loss", "many/p/many", "many/q/many"},
}


@pytest.mark.parametrize("writer", WRITERS)
def test_every_point_is_the_one_that_tensorboard_shows(writer: str) -> None:
    root = FOLDER / writer
    said: list[str] = []
    follower = Follower(root, Followed(), Session(), said.append)
    follower.scan()
    found = []
    names = set()
    while True:
        reading = follower.read(last=True)
        follower.keep(reading)
        found += [(r.step, repr(v), r.when) for r in reading.rows for v in r.values.values()]
        names |= {name for row in reading.rows for name in row.values}
        if not reading.taken:
            break
    shown = json.loads((root / "expected.json").read_text())
    expected = [tuple(p) for tags in shown.values() for points in tags.values() for p in points]

    assert sorted(found) == sorted(expected)
    assert found != []
    assert said == []
    assert names == NAMES.get(writer, names)
    assert shown.keys() == {str(Path(one.path).parent) for one in event_files(root)[0]}
