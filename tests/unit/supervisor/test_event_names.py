"""What values of event files are called as metrics."""

from __future__ import annotations

import pytest

from trainyard_api.contract import MAX_METRIC_NAME
from trainyard_supervisor.event_files.naming import MOST_NAMES, Names, Owner, event_candidates


@pytest.mark.parametrize(
    ("folder", "tag", "folders", "name"),
    [
        pytest.param("lightning_logs/version_0", "loss", (), "loss", id="Lightning"),
        pytest.param("out/runs/Nov28_12-00-00_pod", "train/loss", (), "train/loss", id="transformers"),
        pytest.param("logs/validation", "epoch_loss", (), "validation/epoch_loss", id="Keras"),
        pytest.param("logs/fit/20261128/train", "epoch_loss", (), "train/epoch_loss", id="a time above"),
        pytest.param("catboost_info/learn", "Logloss", (), "learn/Logloss", id="CatBoost"),
        pytest.param("catboost_info/test1", "AUC", (), "test1/AUC", id="a part with a number"),
        pytest.param("latest1", "AUC", (), "AUC", id="no part with a number"),
        pytest.param("runs/detect/train", "train/box_loss", (), "train/box_loss", id="said already"),
        pytest.param("runs/x/loss_a", "loss", ("runs/x", "runs"), "loss_a/loss", id="add_scalars"),
        pytest.param("runs/x/1795897111.04", "hparam/a", ("runs/x",), "hparam/a", id="add_hparams"),
        pytest.param("runs/x/a/test", "loss", ("runs/x",), "a/test/loss", id="below another"),
        pytest.param("", "loss", (), "loss", id="the run folder itself"),
        pytest.param("test", "loss", (""), "test/loss", id="below the run folder"),
    ],
)  # fmt: skip
def test_a_folder_stands_before_a_tag_where_it_is_needed(
    folder: str, tag: str, folders: tuple[str, ...], name: str
) -> None:
    assert event_candidates(folder, tag, folders)[0] == name


def test_a_retry_goes_on_under_the_same_name() -> None:
    names = Names()
    first = names.of("logs/version_0", "loss", 1, ())
    again = Names(names.owners).of("logs/version_1", "loss", 2, ())

    assert first == again == "loss"


def test_two_writers_of_one_attempt_have_two_names() -> None:
    names = Names()

    found = [names.of(f"runs/{fold}", "loss", 1, ()) for fold in ("fold0", "fold1", "fold0")]

    assert found == ["loss", "fold1/loss", "loss"]
    assert names.of("other/fold1", "loss", 1, ()) == "other/fold1/loss"
    assert names.of("runs/fold1", "accuracy", 1, ()) == "accuracy"


def test_a_folder_keeps_its_name_in_later_attempts() -> None:
    names = Names()
    names.of("runs/fold0", "loss", 1, ())
    names.of("runs/fold1", "loss", 1, ())
    later = Names(names.owners)

    assert later.of("runs/fold1", "loss", 2, ()) == "fold1/loss"
    assert later.of("runs/fold0", "loss", 2, ()) == "loss"


def test_what_an_attempt_before_left_takes_no_name_from_this_one() -> None:
    names = Names({"loss": Owner("logs/version_0", 1)})

    assert names.of("logs/version_0", "loss", 1, ()) == "loss"
    assert names.of("logs/version_1", "loss", 2, ()) == "loss"


def test_a_folder_that_was_renamed_keeps_its_names() -> None:
    names = Names()
    names.of("old", "loss", 1, ())
    names.move("old", "new")

    assert names.of("new", "loss", 1, ()) == "loss"


def test_names_are_what_the_gateway_takes_and_stay_different() -> None:
    names = Names()
    long = [names.of("a", "layer." * 100 + end, 1, ()) or "" for end in ("x", "y")]

    assert [len(name) for name in long] == [MAX_METRIC_NAME, MAX_METRIC_NAME]
    assert long[0] != long[1]
    assert names.of("a", "line\nbreak", 1, ()) == r"line\nbreak"
    assert names.of("a", " ", 1, ()) == "unnamed"


def test_there_are_at_most_so_many() -> None:
    names = Names()
    found = [names.of("a", f"tag{n}", 1, ()) for n in range(10 * MOST_NAMES)]

    assert found.count(None) == 9 * MOST_NAMES
    assert names.of("a", "tag0", 1, ()) == "tag0"
