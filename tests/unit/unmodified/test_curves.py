"""What is said of curves that a program wrote and of those that are held."""

from __future__ import annotations

import json
import math
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from curves import Curves, Point, compared, runs_compared
from local_curves import Written
from reporters import Reporting, Row, entries, page

A, B, C = Point(1, 0.1, 1000), Point(2, 0.2, 2000), Point(3, 0.3, 3000)
NAN = Point(1, math.nan)


@pytest.mark.parametrize(
    ("local", "held", "latest", "said"),
    [
        pytest.param({"a": [A, B]}, {"a": [A, B]}, True, "", id="the same"),
        pytest.param({"a": [B, A]}, {"a": [A, B]}, True, "", id="in another order"),
        pytest.param({"a": [A, B]}, {"a": [A]}, True, "steps lost: [2]", id="one lost"),
        pytest.param({"a": [A]}, {"a": [A, B]}, True, "never written: [2]", id="one too many"),
        pytest.param({"a": [A]}, {"a": [A, A]}, True, "2 points instead of 1", id="doubled"),
        pytest.param({"a": [A]}, {}, True, "0 points instead of 1", id="a metric lost"),
        pytest.param({}, {"a": [A]}, True, "a: held, and never written", id="never written"),
        pytest.param({"a": [Point(1, 0.5), A]}, {"a": [A]}, True, "", id="the later one counts"),
        pytest.param(
            {"a": [Point(1, 0.5), A]}, {"a": [A]}, False, "1 points instead of 2", id="both count"
        ),
        pytest.param({"a": [A]}, {"a": [Point(1, 0.1000001, 1000)]}, True, "instead of", id="a bit"),
        pytest.param({"a": [A]}, {"a": [Point(1, 0.1, 1002)]}, True, "instead of", id="a time"),
        pytest.param({"a": [Point(1, 0.1)]}, {"a": [A]}, True, "", id="no time was written"),
        pytest.param({"a": [NAN]}, {"a": [NAN]}, True, "", id="no number"),
        pytest.param({"a": [Point(1, 0.0)]}, {"a": [Point(1, -0.0)]}, True, "", id="one zero"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_curves(local: Curves, held: Curves, latest: bool, said: str) -> None:
    found = compared(local, held, latest=latest)

    assert bool(found.wrong) is bool(said)
    assert said in " ".join(found.wrong)


def test_what_else_is_held_may_come_from_elsewhere() -> None:
    assert compared({"a": [A]}, {"a": [A], "b": [B]}, latest=True, whole=False).wrong == []


@pytest.mark.parametrize(
    ("local", "held", "said"),
    [
        pytest.param([{"a": [A]}, {"a": [B]}], [{"a": [B]}, {"a": [A]}], "", id="in any order"),
        pytest.param([{"a": [A]}, {"a": [B]}], [{"a": [A]}], "1 runs are held", id="one lost"),
        pytest.param([{"a": [A]}], [{"a": [C]}], "steps lost", id="another one"),
    ],
)
def test_what_is_wrong_with_runs(local: list[Curves], held: list[Curves], said: str) -> None:
    found = runs_compared(local, held)

    assert bool(found.wrong) is bool(said)
    assert said in " ".join(found.wrong)


def test_curves_of_files(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("epoch,loss,name\n0,0.5,x\n1,0.25,\n")
    (tmp_path / "rounds.json").write_text(json.dumps({"auc": [0.5, 0.75]}))
    for step, history in ((1, []), (2, [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}])):
        state = {"global_step": step, "log_history": history}
        (tmp_path / f"state-{step}.json").write_text(json.dumps(state))
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as store:
        store.execute("CREATE TABLE runs (run_uuid, start_time)")
        store.execute("CREATE TABLE metrics (key, value, timestamp, run_uuid, step, is_nan)")
        store.execute("INSERT INTO runs VALUES ('r', 1)")
        store.execute(
            "INSERT INTO metrics VALUES ('a', 0, 1, 'r', 1, 1), ('took', 9, 1, 'r', 1, 0)"
        )
        store.commit()

    table = Written("table", "*.csv").read(tmp_path)
    states = Written("states", "state-*.json").read(tmp_path)
    rounds = Written("rounds", "rounds.json").read(tmp_path)
    [[only]] = [
        list(run.values()) for run in Written("store", "*.db", without="^took").read(tmp_path)
    ]

    assert table == [{"loss": [Point(0, 0.5), Point(1, 0.25)]}]
    assert states == [{"loss": [Point(1, 2.0), Point(2, 1.0)]}]
    assert rounds == [{"auc": [Point(0, 0.5), Point(1, 0.75)]}]
    assert [str(point.value) for point in only] == ["nan"]
    (tmp_path / "other.csv").write_text("loss\n0.5\n")
    with pytest.raises(ValueError, match="a line without any of step, epoch"):
        Written("table", "other.csv").read(tmp_path)
    with pytest.raises(ValueError, match="no file"):
        Written("events", "*tfevents*").read(tmp_path)


@pytest.mark.parametrize("each", entries(), ids=lambda each: each.title)
def test_programs_whose_curves_are_compared(each: Reporting, tmp_path: Path) -> None:
    each.program.lay(tmp_path / "folder")

    assert each.curves
    assert {curve.kind for curve in each.curves} <= {"events", "table", "states", "rounds", "store"}
    assert len({other.title for other in entries()}) == len(entries())


def test_the_table_of_programs() -> None:
    rows = [Row("a", "b", ["c", "d"], 1200), Row("a", "e", ["c"], 3, ["lost"])]

    assert page(rows).splitlines()[2:] == [
        "| a | b | `c`, `d` | 1,200 | yes |",
        "| a | e | `c` | 3 | no |",
    ]
